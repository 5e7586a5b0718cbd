#pragma once
// The three Unicode 16 classes that tokenizer patterns use.

#include <cstdint>

#include "base/utf8.h"

namespace gptkit {

/// Letters are \p{L} (141,028), numbers \p{N} (1,911), spaces White_Space (25) of Unicode 16.
enum class CharClass : std::uint8_t { kOther, kLetter, kNumber, kSpace };

/// The class of a scalar value; kOther for anything that is none.
CharClass char_class(char32_t code);

/// What `\w` matches in Hugging Face's `tokenizers`, and what it takes for punctuation.
bool is_word_character(char32_t code);
bool is_punctuation(char32_t code);

}  // namespace gptkit
