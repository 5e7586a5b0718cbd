#pragma once
// How well a language model predicts a text.

#include <cstdint>

#include "data/token_shard.h"
#include "model/gpt.h"

namespace gptkit {

struct PerplexityOptions {
  int64_t context = 0;  ///< tokens per window; 0: the model's context
  int64_t stride = 0;   ///< tokens a window adds; 0: the window's length (no overlap)
  int64_t batch_size = 4;
};

struct Perplexity {
  int64_t tokens = 0;  ///< predicted: all but the first
  double loss = 0;     ///< mean negative log-likelihood, in nats
  double perplexity = 0;
};

/// Each token but the first is predicted once, from at least window - stride tokens before it
/// where the text has them. Evaluation mode and no gradients are the caller's.
Perplexity measure_perplexity(GPT gpt, const TokenStream& tokens, const PerplexityOptions& options);

}  // namespace gptkit
