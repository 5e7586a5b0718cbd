#include "text/added_token_cutter.h"

#include "text/unicode.h"

namespace gptkit {

namespace {

bool word_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return false;
  const Utf8Char c = decode_utf8(text, at);
  return c.valid && is_word_character(c.code);
}

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = at - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return word_at(text, begin);
}

}  // namespace

bool AddedTokenCutter::in_word(std::string_view text, std::size_t begin, std::size_t end) {
  return word_before(text, begin) || word_at(text, end);
}

std::size_t AddedTokenCutter::space_begin(std::string_view text, std::size_t begin,
                                          std::size_t end) {
  std::size_t space = end;
  for (std::size_t at = begin; at < end;) {
    const Utf8Char c = decode_utf8(text, at);
    const bool is_space = c.valid && char_class(c.code) == CharClass::kSpace;
    if (!is_space) space = end;
    if (is_space && space == end) space = at;
    at += c.bytes;
  }
  return space;
}

std::size_t AddedTokenCutter::space_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid || char_class(c.code) != CharClass::kSpace) break;
    at += c.bytes;
  }
  return at;
}

}  // namespace gptkit
