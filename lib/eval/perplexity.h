#pragma once
// How well a language model predicts a text.

#include <cstdint>
#include <optional>
#include <string>

#include "data/corpus/token_shard.h"
#include "models/gpt.h"

namespace gptkit {

struct PerplexityOptions {
  int64_t context = 0;  ///< tokens per window; 0: the model's context
  int64_t stride = 0;   ///< tokens a window adds; 0: the window's length (no overlap)
  int64_t batch_size = 4;
  /// The token that the family puts before every text (Tokenizer::begin_of_text). It is put before
  /// the first one unless it is there, and not predicted behind another one's end.
  std::optional<TokenId> begin = {};
  std::string where = {};        ///< the model was opened, for messages
  bool begin_also_ends = false;  ///< the same token ends texts: then it is predicted
};

struct Perplexity {
  int64_t tokens = 0;  ///< predicted: all but the first, and those that begin a text
  double loss = 0;     ///< mean negative log-likelihood, in nats
  double perplexity = 0;
};

/// Each token but the first is predicted once, from at least window - stride tokens before it
/// where the text has them. Fails when the loss is not finite. Evaluation mode and no gradients are
/// the caller's.
Perplexity measure_perplexity(GPT gpt, const TokenStream& tokens, const PerplexityOptions& options);

}  // namespace gptkit
