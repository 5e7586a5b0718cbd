#pragma once
// Perplexity of a language model on a text.

#include <cstdint>
#include <optional>
#include <string>

#include "data/corpus/token_shard.h"
#include "models/gpt.h"

namespace gptkit {

struct PerplexityOptions {
  int64_t context = 0;  ///< tokens per window; 0: the model's context
  int64_t stride = 0;   ///< new tokens per window; 0: the window's length (no overlap)
  int64_t batch_size = 4;
  /// The token that the family puts before every text (Tokenizer::begin_of_text). It is added
  /// before the first text unless it is there, and it is not predicted after the end of another
  /// text.
  std::optional<TokenId> begin = {};
  std::string where = {};        ///< the model was opened, for messages
  bool begin_also_ends = false;  ///< the same token ends texts: then it is predicted
};

struct Perplexity {
  int64_t tokens = 0;  ///< predicted: all but the first, and those that begin a text
  double loss = 0;     ///< mean negative log-likelihood, in nats
  double perplexity = 0;
};

/// Each token but the first is predicted once, from at least window - stride tokens before it if
/// the text has them. Fails if the loss is not finite. The caller sets evaluation mode and disables
/// gradients.
Perplexity measure_perplexity(GPT gpt, const TokenStream& stream, const PerplexityOptions& options);

}  // namespace gptkit
