#pragma once
// What a generation gives.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gptkit/namespace.h"
#include "gptkit/token.h"

namespace gptkit::api {

enum class FinishReason {
  kLength,   ///< max_new_tokens
  kStop,     ///< a token that ends texts, a stop text, or the callback returned false
  kContext,  ///< the model's context is full
};

struct Generation {
  std::string text;    ///< of the new tokens, without the stop text
  TokenIds token_ids;  ///< the new tokens, without the one that ends the text
  FinishReason finish_reason = FinishReason::kLength;
  std::int64_t prompt_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
};

/// Receives each new piece of text while it is generated. Pieces are whole UTF-8 characters.
/// Return false to end the generation.
using OnText = std::function<bool(std::string_view)>;

}  // namespace gptkit::api
