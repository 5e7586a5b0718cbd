#pragma once
// Text generation: one forward pass for the prompt, then one token at a time with the key/value
// cache.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/generation_config.h"
#include "text/tokenizer.h"
#include "weights/bundle.h"

namespace gptkit {

enum class FinishReason {
  kLength,   ///< max_new_tokens
  kStop,     ///< a token that ends texts, or a stop text
  kContext,  ///< the model's context is full
};
const char* to_string(FinishReason reason);

struct Generation {
  std::string text;                // of the new tokens, without the stop text
  std::vector<TokenId> token_ids;  // the new ones, without the one that ends the text
  FinishReason finish_reason = FinishReason::kLength;
  int64_t prompt_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
  double tokens_per_second() const;  // of decoding
};

/// Called with each new piece of text; pieces end at character boundaries of UTF-8 and never
/// contain the beginning of a stop text. Returning false ends the generation (kStop).
using OnText = std::function<bool(std::string_view)>;

/// Continues `prompt`. Fails when the prompt is empty or longer than the context. The model sees no
/// more than its context: the token that a full context predicts is the last one (kContext). Throws
/// Stopped when a signal asks for the end (base/stop.h).
Generation generate(const LanguageModel& model, std::span<const TokenId> prompt,
                    const GenerationConfig& config, const OnText& on_text = {});

/// Number of bytes at the end of `text` that begin an incomplete UTF-8 character.
size_t incomplete_utf8_suffix(std::string_view text);

}  // namespace gptkit
