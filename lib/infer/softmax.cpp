#include "infer/softmax.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"

namespace gptkit {

namespace {

using softmax_detail::kLanes;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kBlock = 256;

/// Calls visit(block, its first index) for each block of at most kBlock values.
template <class Visit>
void for_each_block(std::span<const float> values, Visit&& visit) {
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    visit(values.subspan(begin, std::min(kBlock, values.size() - begin)), begin);
  }
}

/// e^x for x <= 0 with Cephes' polynomial on [-log(2)/2, log(2)/2].
inline float exp_of_negative(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // The lowest bits of `shifted` are n; moved to the exponent they multiply by 2^n.
  const uint32_t power = std::bit_cast<uint32_t>(shifted) << 23;
  const uint32_t kept = x < -87.0f ? 0 : ~uint32_t{0};  // a mask, as a branch is not vectorised
  return std::bit_cast<float>((std::bit_cast<uint32_t>(p) + power) & kept);
}

double sum_of_block(std::span<const float> block) {
  std::array<float, kLanes> lanes{};
  const size_t whole = block.size() / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += block[i + lane];
  }
  for (size_t i = whole; i < block.size(); ++i) lanes[0] += block[i];
  double total = 0;
  for (const float lane : lanes) total += static_cast<double>(lane);
  return total;
}

}  // namespace

bool softmax_detail::any_not_below(std::span<const float> values, float floor) {
  unsigned found = 0;
  for (const float value : values) found |= value < floor ? 0u : 1u;
  return found != 0;
}

Scored largest(std::span<const float> values) {
  Scored best{-kInfinity, 0};
  for_each_not_below(values, best.value, [&](size_t i) {
    if (values[i] <= best.value) return;
    best = {values[i], i};
    if (!(best.value < kInfinity)) fail_runtime("the model's logits are NaN or infinite");
  });
  if (best.value == -kInfinity) fail_runtime("no token may be chosen: each logit is -infinity");
  return best;
}

std::vector<Scored> k_largest(std::span<const float> values, size_t k) {
  k = std::min(k, values.size());
  std::vector<Scored> best;
  if (k == 0) return best;
  float floor = -kInfinity;
  const auto cut = [&] {
    std::nth_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(k - 1), best.end(),
                     [](const Scored& a, const Scored& b) {
                       return a.value != b.value ? a.value > b.value : a.index < b.index;
                     });
    best.resize(k);
    floor = best.back().value;
  };
  for_each_not_below(values, floor, [&](size_t i) {
    best.push_back({values[i], i});
    if (best.size() >= 2 * k + kLanes) cut();
  });
  cut();
  return best;
}

void exp_(std::span<float> values) {
  for (float& value : values) value = exp_of_negative(value);
}

double sum(std::span<const float> values) {
  double total = 0;
  for_each_block(values,
                 [&](std::span<const float> block, size_t) { total += sum_of_block(block); });
  return total;
}

double log_sum_exp(std::span<const float> values) {
  const float most = largest(values).value;
  double total = 0;
  for_each_block(values, [&](std::span<const float> block, size_t) {
    std::array<float, kBlock> scaled;
    for (size_t i = 0; i < block.size(); ++i) scaled[i] = block[i] - most;
    const std::span<float> used(scaled.data(), block.size());
    exp_(used);
    total += sum_of_block(used);
  });
  return static_cast<double>(most) + std::log(total);
}

}  // namespace gptkit
