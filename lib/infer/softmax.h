#pragma once
// Passes over a vector of logits, in plain C++ loops that compilers vectorise.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace gptkit {

/// A value and where it stands.
struct Scored {
  float value = 0;
  size_t index = 0;
};

/// The largest value, of equals the first; -infinity is the lowest. Fails (kRuntime) for NaN or
/// infinity, and when there is nothing above -infinity.
Scored largest(std::span<const float> values);

/// The k largest values, or all if there are fewer, in any order but for the last, which is the
/// smallest of them. Of equals at the k-th place the first ones. O(n), whatever k is.
std::vector<Scored> k_largest(std::span<const float> values, size_t k);

/// values[i] = e^values[i] for values <= 0, within 2 units in the last place; 0 below e^-87.
void exp_(std::span<float> values);

double sum(std::span<const float> values);

/// log(sum of e^value). Fails as largest() does.
double log_sum_exp(std::span<const float> values);

namespace softmax_detail {

inline constexpr size_t kLanes = 16;
bool any_not_below(std::span<const float> values, float floor);

}  // namespace softmax_detail

/// Calls visit(i) in order for every value that is not below `floor`, which may rise meanwhile:
/// NaN, too. Runs of values below it cost next to nothing.
template <class Visit>
void for_each_not_below(std::span<const float> values, const float& floor, Visit&& visit) {
  constexpr size_t kBlock = 4 * softmax_detail::kLanes;
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, values.size());
    if (!softmax_detail::any_not_below(values.subspan(begin, end - begin), floor)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (!(values[i] < floor)) visit(i);
    }
  }
}

}  // namespace gptkit
