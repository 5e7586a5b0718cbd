#include "base/utf8.h"

#include <algorithm>

namespace gptkit {

namespace {

/// Length and least value of the characters that a lead byte opens; length 0 if it opens none.
struct Lead {
  std::size_t bytes;
  char32_t bits;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, byte};
  if (byte >= 0xC2 && byte <= 0xDF) return {2, byte & 0x1Fu};
  if (byte >= 0xE0 && byte <= 0xEF) return {3, byte & 0x0Fu};
  if (byte >= 0xF0 && byte <= 0xF4) return {4, byte & 0x07u};
  return {0, 0};
}

/// Whether `second` may follow `lead`: rules out overlong forms, surrogates and > U+10FFFF.
bool second_byte_fits(unsigned char lead, unsigned char second) {
  if ((second & 0xC0) != 0x80) return false;
  if (lead == 0xE0) return second >= 0xA0;
  if (lead == 0xED) return second <= 0x9F;
  if (lead == 0xF0) return second >= 0x90;
  if (lead == 0xF4) return second <= 0x8F;
  return true;
}

constexpr Utf8Char kInvalid{0xFFFD, 1, false};

/// Bytes from `at` on that are the beginning of a well-formed character.
std::size_t well_formed_bytes(std::string_view text, std::size_t at, std::size_t bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const std::size_t limit = std::min(bytes, text.size() - at);
  if (limit < 2) return limit;
  if (!second_byte_fits(byte(0), byte(1))) return 1;
  std::size_t n = 2;
  while (n < limit && (byte(n) & 0xC0) == 0x80) ++n;
  return n;
}

}  // namespace

Utf8Char decode_utf8(std::string_view text, std::size_t at) {
  const auto [bytes, bits] = lead_of(static_cast<unsigned char>(text[at]));
  if (bytes == 1) return {bits, 1, true};
  if (bytes == 0 || well_formed_bytes(text, at, bytes) < bytes) return kInvalid;
  char32_t code = bits;
  for (std::size_t i = 1; i < bytes; ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
  }
  return {code, bytes, true};
}

void append_utf8(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid) return false;
    at += c.bytes;
  }
  return true;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  for (std::size_t tail = 1; tail <= 3 && tail <= text.size(); ++tail) {
    const std::size_t at = text.size() - tail;
    const std::size_t bytes = lead_of(static_cast<unsigned char>(text[at])).bytes;
    if (bytes > tail && well_formed_bytes(text, at, bytes) == tail) return at;
  }
  return text.size();
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (c.valid) {
      result.append(text, at, c.bytes);
      at += c.bytes;
    } else {
      append_utf8(result, c.code);
      const std::size_t bytes = lead_of(static_cast<unsigned char>(text[at])).bytes;
      at += std::max<std::size_t>(1, well_formed_bytes(text, at, bytes));
    }
  }
  return result;
}

}  // namespace gptkit
