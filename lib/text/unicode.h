#pragma once
// UTF-8 and the three Unicode 16 classes that tokenizer patterns speak of. Any byte string is
// welcome: a byte that does not belong to well-formed UTF-8 is reported and stands for itself.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gptkit {

/// Letters are \p{L} (141,028), numbers \p{N} (1,911), spaces White_Space (25) of Unicode 16.
enum class CharClass : std::uint8_t { kOther, kLetter, kNumber, kSpace };

/// The class of a scalar value; kOther for anything that is none.
CharClass char_class(char32_t code);

/// What `\w` matches in Hugging Face's `tokenizers`, and what it takes for punctuation.
bool is_word_character(char32_t code);
bool is_punctuation(char32_t code);

/// One step through a text: a well-formed character, or one byte that is part of none.
struct Utf8Char {
  char32_t code = 0;      // U+FFFD when not valid
  std::size_t bytes = 1;  // 1 when not valid
  bool valid = true;
};

/// The character at `at` (< text.size()). Overlong forms, surrogates, values above U+10FFFF,
/// lone continuation bytes and cut-off characters are not valid.
Utf8Char decode_utf8(std::string_view text, std::size_t at);

/// Appends a scalar value as UTF-8.
void append_utf8(std::string& text, char32_t code);

bool is_valid_utf8(std::string_view text);

/// How many leading bytes no continuation of the text can change: all of them unless it ends
/// inside a character that may still become well-formed. What a stream may show already.
std::size_t complete_utf8_prefix(std::string_view text);

/// The text with U+FFFD for whatever is not well-formed, as many as Python's
/// bytes.decode(errors="replace") gives: one for each cut-off character or stray byte.
std::string replace_invalid_utf8(std::string_view text);

}  // namespace gptkit
