#pragma once
// UTF-8 (RFC 3629). Every byte string is accepted: a byte that does not belong to well-formed UTF-8
// is reported and stands for itself.

#include <cstddef>
#include <string>
#include <string_view>

namespace gptkit {

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
