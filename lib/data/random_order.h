#pragma once
// The orders that Python's libraries draw from a seed, number for number, so that a run sees its
// examples in the order in which the same run in Python would.

#include <cstdint>
#include <span>
#include <vector>

namespace gptkit {

/// torch.randperm(n) after manual_seed(seed) of a CPU generator: PyTorch's RandomSampler draws an
/// int64 and calls this with it. Only the low 32 bits of the seed matter (as in PyTorch).
std::vector<std::int64_t> torch_permutation(std::uint64_t seed, std::int64_t n);

/// numpy.random.RandomState(seed).permutation(n). A new state for every call, as pandas'
/// `random_state=seed` makes one: df.sample(frac=1, random_state=seed) is this order.
std::vector<std::int64_t> numpy_permutation(std::uint32_t seed, std::int64_t n);

/// numpy.random.RandomState(seed).choice(n, count, replace=False), the row numbers of pandas'
/// df.sample(count, random_state=seed). Fails when count > n.
std::vector<std::int64_t> numpy_sample(std::uint32_t seed, std::int64_t n, std::int64_t count);

/// A seed made of a seed and a number (source, epoch ...): other for each, as far as 64 bits go.
std::uint64_t mixed_seed(std::uint64_t seed, std::uint64_t number);

/// Where a seeded permutation of [0, n) takes `index`, without making the others: constant memory,
/// so that any place of an order over billions of windows is found at once. A Feistel network on
/// the least square power of two that holds n, walked until it lands below n (Black and Rogaway
/// 2002, "Ciphers with Arbitrary Finite Domains"). Needs 0 <= index < n.
std::int64_t permuted_index(std::uint64_t seed, std::int64_t n, std::int64_t index);

}  // namespace gptkit
