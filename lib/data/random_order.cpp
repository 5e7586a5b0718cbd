#include "data/random_order.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "base/error.h"

namespace gptkit {

namespace {

std::vector<std::int64_t> counted_up(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// Both libraries seed the Mersenne twister as std::mt19937 does.
std::uint64_t draw_64(std::mt19937& generator) {
  const std::uint64_t high = generator();
  return high << 32 | generator();
}

/// NumPy's legacy random_interval: uniform in [0, max] by masking and rejecting.
std::uint64_t draw_interval(std::mt19937& generator, std::uint64_t max) {
  const std::uint64_t mask = std::bit_ceil(max + 1) - 1;
  const bool wide = max > std::numeric_limits<std::uint32_t>::max();
  for (;;) {
    const std::uint64_t value = (wide ? draw_64(generator) : generator()) & mask;
    if (value <= max) return value;
  }
}

/// SplitMix64's finisher (Steele, Lea and Flood 2014): every bit depends on every other.
std::uint64_t scrambled(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// Eight rounds over two halves of `half_bits` each: a permutation of [0, 2^(2 half_bits)).
std::uint64_t feistel(std::uint64_t seed, int half_bits, std::uint64_t value) {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t left = value >> half_bits, right = value & mask;
  for (std::uint64_t round = 0; round < 8; ++round) {
    left ^= mixed_seed(seed + round, right) & mask;
    std::swap(left, right);
  }
  return left << half_bits | right;
}

}  // namespace

std::vector<std::int64_t> torch_permutation(std::uint64_t seed, std::int64_t n) {
  auto order = counted_up(n);
  std::mt19937 generator(static_cast<std::uint32_t>(seed));
  // PyTorch changes the method where 32 bits would skew the order visibly.
  if (n < std::numeric_limits<std::uint32_t>::max() / 20) {
    for (std::int64_t i = 0; i < n - 1; ++i) {
      std::swap(order[i], order[i + static_cast<std::int64_t>(generator()) % (n - i)]);
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      const auto other = draw_64(generator) % static_cast<std::uint64_t>(i + 1);
      order[i] = std::exchange(order[other], i);
    }
  }
  return order;
}

std::vector<std::int64_t> numpy_permutation(std::uint32_t seed, std::int64_t n) {
  auto order = counted_up(n);
  std::mt19937 generator(seed);
  for (std::int64_t i = n - 1; i > 0; --i) {
    std::swap(order[i], order[draw_interval(generator, static_cast<std::uint64_t>(i))]);
  }
  return order;
}

std::vector<std::int64_t> numpy_sample(std::uint32_t seed, std::int64_t n, std::int64_t count) {
  require(count <= n, "cannot sample ", count, " of ", n, " rows without repeating one");
  auto order = numpy_permutation(seed, n);
  order.resize(static_cast<std::size_t>(count));
  return order;
}

std::uint64_t mixed_seed(std::uint64_t seed, std::uint64_t number) {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio, SplitMix64's step
  return scrambled(scrambled(seed + kGolden) + (number + 1) * kGolden);
}

std::int64_t permuted_index(std::uint64_t seed, std::int64_t n, std::int64_t index) {
  assert(index >= 0 && index < n);
  // Fewer than 64 places would leave too few orders to tell apart.
  const int half_bits =
      std::max(3, (static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n - 1))) + 1) / 2);
  auto value = static_cast<std::uint64_t>(index);
  do value = feistel(seed, half_bits, value);
  while (value >= static_cast<std::uint64_t>(n));
  return static_cast<std::int64_t>(value);
}

}  // namespace gptkit
