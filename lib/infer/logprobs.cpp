#include "infer/logprobs.h"

#include <algorithm>

#include "infer/softmax.h"

namespace gptkit {

StepLogprobs step_logprobs(std::span<const float> logits, TokenId chosen, int64_t n) {
  const double log_total = log_sum_exp(logits);
  const auto logprob_of = [&](size_t id) {
    return TokenLogprob{static_cast<TokenId>(id), static_cast<double>(logits[id]) - log_total};
  };
  auto best = k_largest(logits, static_cast<size_t>(n));
  std::sort(best.begin(), best.end(), [](const Scored& a, const Scored& b) {
    return a.value != b.value ? a.value > b.value : a.index < b.index;
  });
  StepLogprobs step{.chosen = logprob_of(static_cast<size_t>(chosen)), .likeliest = {}};
  for (const auto& token : best) step.likeliest.push_back(logprob_of(token.index));
  return step;
}

}  // namespace gptkit
