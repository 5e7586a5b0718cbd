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

/// Bytes of the contraction ('s 't 're 've 'm 'll 'd) that an apostrophe at `at` opens, or 0.
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

/// The same in any case. Of all that folds to these letters only U+017F (long s) is not ASCII.
std::size_t contraction_in_any_case(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? text[at + i] : '\0'; };
  const auto lower = [&](std::size_t i) {
    const char c = byte(i);
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  switch (lower(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return lower(2) == 'e' ? 3 : 0;
    case 'l':
      return lower(2) == 'l' ? 3 : 0;
    case '\xC5':
      return byte(2) == '\xBF' ? 3 : 0;
    default:
      return 0;
  }
}

bool is_line_end(char c) { return c == '\n' || c == '\r'; }

/// The first position >= at that holds no line end.
std::size_t line_ends_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_line_end(text[at])) ++at;
  return at;
}

/// White space before something else leaves its last character to what follows.
std::size_t spaces_end(std::string_view text, std::size_t begin, std::size_t run) {
  if (run == text.size()) return run;
  const std::size_t last = last_char(text, run);
  return last > begin ? last : run;
}

/// The class of the character that ends right before `at` (> 0). UTF-8 is self-synchronising, so
/// reading on from any earlier position finds the same character there.
CharClass class_before(std::string_view text, std::size_t at) {
  for (std::size_t bytes = 2; bytes <= 4 && bytes <= at; ++bytes) {
    const Classified c = classify(text, at - bytes);
    if (c.bytes == bytes) return c.char_class;
  }
  const std::uint8_t ascii = byte_class(text, at - 1);
  return ascii == kNotAscii ? CharClass::kOther : static_cast<CharClass>(ascii);
}

/// GPT-2's pattern; with kDigits, on the stretch of text up to the next number character.
template <bool kDigits>
std::size_t gpt2_like_end(std::string_view text, std::size_t begin) {
  if (text[begin] == '\'') {
    if (const std::size_t bytes = contraction(text, begin)) return begin + bytes;
  }
  const std::size_t start = begin + (text[begin] == ' ' && begin + 1 < text.size());
  const Classified first = classify(text, start);
  if (kDigits && first.char_class == CharClass::kNumber) {
    return start > begin ? start : start + first.bytes;
  }
  if (first.char_class != CharClass::kSpace) {
    return run_end(text, start + first.bytes, first.char_class);
  }
  const std::size_t run = run_end(text, begin, CharClass::kSpace);
  if (kDigits && run < text.size() && classify(text, run).char_class == CharClass::kNumber) {
    return run;
  }
  return spaces_end(text, begin, run);
}

/// Llama 3's pattern with at most `kNumbers` number characters together.
template <int kNumbers>
std::size_t llama3_like_end(std::string_view text, std::size_t begin) {
  if (text[begin] == '\'') {
    if (const std::size_t bytes = contraction_in_any_case(text, begin)) return begin + bytes;
  }
  const Classified first = classify(text, begin);
  std::size_t at = begin + first.bytes;
  if (first.char_class == CharClass::kLetter) return run_end(text, at, CharClass::kLetter);
  if (first.char_class == CharClass::kNumber) {
    for (int n = 1; n < kNumbers && at < text.size(); ++n) {
      const Classified next = classify(text, at);
      if (next.char_class != CharClass::kNumber) break;
      at += next.bytes;
    }
    return at;
  }
  // A blank or symbol before letters is theirs, a blank before symbols as well.
  const CharClass next = at < text.size() ? classify(text, at).char_class : CharClass::kSpace;
  if (next == CharClass::kLetter && !is_line_end(text[begin])) {
    return run_end(text, at, CharClass::kLetter);
  }
  const bool symbols = first.char_class == CharClass::kOther;
  if (symbols || (text[begin] == ' ' && next == CharClass::kOther)) {
    return line_ends_end(text, run_end(text, at, CharClass::kOther));
  }
  const std::size_t run = run_end(text, at, CharClass::kSpace);
  for (std::size_t end = run; end > begin; --end) {
    if (is_line_end(text[end - 1])) return end;
  }
  return spaces_end(text, begin, run);
}

}  // namespace

std::size_t gpt2_pretoken_end(std::string_view text, std::size_t begin) {
  return gpt2_like_end</*kDigits=*/false>(text, begin);
}

std::size_t smollm_pretoken_end(std::string_view text, std::size_t begin) {
  return gpt2_like_end</*kDigits=*/true>(text, begin);
}

std::size_t llama3_pretoken_end(std::string_view text, std::size_t begin) {
  return llama3_like_end</*kNumbers=*/3>(text, begin);
}

std::size_t qwen2_pretoken_end(std::string_view text, std::size_t begin) {
  return llama3_like_end</*kNumbers=*/1>(text, begin);
}

std::size_t pretoken_safe_cut(std::string_view text, std::size_t from) {
  constexpr auto kSpace = static_cast<std::uint8_t>(CharClass::kSpace);
  for (std::size_t at = from > 0 ? from : 1; at < text.size(); ++at) {
    if (byte_class(text, at) != kSpace) continue;
    const CharClass before = class_before(text, at);
    const bool ends_line = is_line_end(text[at]);
    if (before != CharClass::kSpace && !(ends_line && before == CharClass::kOther)) return at;
  }
  return text.size();
}

}  // namespace gptkit
