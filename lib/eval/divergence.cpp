#include "eval/divergence.h"

#include <algorithm>
#include <cmath>

namespace gptkit {

namespace {

/// log of the sum of exp(logit)
double log_sum_exp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return static_cast<double>(largest) + std::log(sum);
}

/// sum of p_i (a_i - b_i), where p is softmax(a)
double mean_difference(std::span<const float> a, std::span<const float> b, double log_sum_a) {
  const auto log_sum = static_cast<float>(log_sum_a);
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(std::exp(a[i] - log_sum)) * static_cast<double>(a[i] - b[i]);
  }
  return sum;
}

}  // namespace

PositionMetrics compare_logits(std::span<const float> reference, std::span<const float> logits,
                               int64_t target) {
  const auto reference_top = std::max_element(reference.begin(), reference.end());
  const auto top = std::max_element(logits.begin(), logits.end());
  const double reference_log_sum = log_sum_exp(reference, *reference_top);
  const double log_sum = log_sum_exp(logits, *top);
  const double divergence =
      mean_difference(reference, logits, reference_log_sum) - reference_log_sum + log_sum;
  return {.loss = log_sum - static_cast<double>(logits[static_cast<size_t>(target)]),
          .divergence = std::max(divergence, 0.0),  // below 0 by rounding alone
          .same_top = reference_top - reference.begin() == top - logits.begin()};
}

void DivergenceSum::add(const PositionMetrics& position) {
  ++tokens_;
  same_top_ += position.same_top;
  loss_ += position.loss;
  divergence_ += position.divergence;
  squares_ += position.divergence * position.divergence;
}

DivergenceMetrics DivergenceSum::mean() const {
  DivergenceMetrics result{.tokens = tokens_};
  if (tokens_ == 0) return result;
  const auto n = static_cast<double>(tokens_);
  result.loss = loss_ / n;
  result.perplexity = std::exp(result.loss);
  result.divergence = divergence_ / n;
  result.same_top = static_cast<double>(same_top_) / n;
  if (tokens_ < 2) return result;
  const double variance = (squares_ - n * result.divergence * result.divergence) / (n - 1);
  result.divergence_error = std::sqrt(std::max(variance, 0.0) / n);
  return result;
}

}  // namespace gptkit
