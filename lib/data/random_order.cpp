#include "data/random_order.h"

#include <bit>
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

}  // namespace gptkit
