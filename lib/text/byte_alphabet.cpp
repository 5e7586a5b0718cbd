#include "text/byte_alphabet.h"

#include <array>

#include "text/unicode.h"

namespace gptkit {

namespace {

/// Byte -> code point of GPT-2's byte alphabet.
constexpr auto kAlphabet = [] {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 256;
  for (char32_t b = 0; b < 256; ++b) {
    const bool shown = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    alphabet[b] = shown ? b : next++;
  }
  return alphabet;
}();

constexpr auto kByteOf = [] {
  std::array<int, 256 + 68> bytes{};
  bytes.fill(-1);
  for (int b = 0; b < 256; ++b) bytes[kAlphabet[b]] = b;
  return bytes;
}();

}  // namespace

std::string byte_level_text(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(text, kAlphabet[static_cast<unsigned char>(byte)]);
  return text;
}

std::optional<std::string> byte_level_bytes(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid || c.code >= kByteOf.size() || kByteOf[c.code] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kByteOf[c.code]));
    at += c.bytes;
  }
  return bytes;
}

}  // namespace gptkit
