#pragma once
// Log-probabilities to report: those of the model itself, before any bias, penalty, temperature or
// filter (as vLLM's raw_logprobs).

#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

struct TokenLogprob {
  TokenId id = 0;
  double logprob = 0;
};

/// Of one step: the token that was chosen, and the likeliest ones in falling order.
struct StepLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> likeliest;
};

/// For logits (V) the log-probabilities of `chosen` and of the n likeliest tokens.
StepLogprobs step_logprobs(std::span<const float> logits, TokenId chosen, int64_t n);

}  // namespace gptkit
