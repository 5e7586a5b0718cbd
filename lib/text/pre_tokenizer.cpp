#include "text/pre_tokenizer.h"

#include <array>

#include "text/unicode.h"

namespace gptkit {

namespace {

/// CharClass of each ASCII byte; kNotAscii asks for decoding.
constexpr std::uint8_t kNotAscii = 4;

constexpr auto kByteClass = [] {
  std::array<std::uint8_t, 256> classes{};
  for (int b = 0; b < 256; ++b) {
    const bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
    const bool space = b == ' ' || (b >= '\t' && b <= '\r');
    const auto ascii = letter                 ? CharClass::kLetter
                       : b >= '0' && b <= '9' ? CharClass::kNumber
                       : space                ? CharClass::kSpace
                                              : CharClass::kOther;
    classes[b] = b < 0x80 ? static_cast<std::uint8_t>(ascii) : kNotAscii;
  }
  return classes;
}();

std::uint8_t byte_class(std::string_view text, std::size_t at) {
  return kByteClass[static_cast<unsigned char>(text[at])];
}

struct Classified {
  CharClass char_class;
  std::size_t bytes;
};

Classified classify(std::string_view text, std::size_t at) {
  const std::uint8_t ascii = byte_class(text, at);
  if (ascii != kNotAscii) return {static_cast<CharClass>(ascii), 1};
  const Utf8Char c = decode_utf8(text, at);
  return {c.valid ? char_class(c.code) : CharClass::kOther, c.bytes};
}

/// The first position >= at whose character is not of the class.
std::size_t run_end(std::string_view text, std::size_t at, CharClass wanted) {
  while (at < text.size()) {
    const std::uint8_t ascii = byte_class(text, at);
    if (ascii == static_cast<std::uint8_t>(wanted)) {
      ++at;
    } else if (ascii != kNotAscii) {
      return at;
    } else {
      const Classified c = classify(text, at);
      if (c.char_class != wanted) return at;
      at += c.bytes;
    }
  }
  return at;
}

/// Length of the contraction ('s 't 're 've 'm 'll 'd) that an apostrophe at `at` opens, or 0.
std::size_t contraction(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? text[at + i] : '\0'; };
  switch (byte(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return byte(2) == 'e' ? 3 : 0;
    case 'l':
      return byte(2) == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

/// Where the character that ends before `end` starts, inside a run of valid characters.
std::size_t last_char(std::string_view text, std::size_t end) {
  do {
    --end;
  } while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

/// Whether a well-formed white-space character ends right before `at`. UTF-8 is
/// self-synchronising, so reading on from any earlier position finds the same character there.
bool space_before(std::string_view text, std::size_t at) {
  for (std::size_t bytes = 1; bytes <= 3 && bytes <= at; ++bytes) {
    const Classified c = classify(text, at - bytes);
    if (c.bytes == bytes && c.char_class == CharClass::kSpace) return true;
  }
  return false;
}

}  // namespace

std::size_t gpt2_pretoken_end(std::string_view text, std::size_t begin) {
  if (text[begin] == '\'') {
    if (const std::size_t bytes = contraction(text, begin)) return begin + bytes;
  }
  const std::size_t start = begin + (text[begin] == ' ' && begin + 1 < text.size());
  const Classified first = classify(text, start);
  if (first.char_class != CharClass::kSpace) {
    return run_end(text, start + first.bytes, first.char_class);
  }
  // White space before something else leaves its last character to what follows.
  const std::size_t end = run_end(text, begin, CharClass::kSpace);
  if (end == text.size()) return end;
  const std::size_t last = last_char(text, end);
  return last > begin ? last : end;
}

std::size_t gpt2_safe_cut(std::string_view text, std::size_t from) {
  constexpr auto kSpace = static_cast<std::uint8_t>(CharClass::kSpace);
  for (std::size_t at = from > 0 ? from : 1; at < text.size(); ++at) {
    if (byte_class(text, at) == kSpace && !space_before(text, at)) return at;
  }
  return text.size();
}

}  // namespace gptkit
