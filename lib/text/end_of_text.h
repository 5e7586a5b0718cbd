#pragma once
// The token that ends a document, where a program cannot do without it.

#include "text/tokenizer.h"

namespace gptkit {

/// Fails, saying why it is needed, when there is none.
TokenId require_end_of_text(const Tokenizer& tokenizer);

}  // namespace gptkit
