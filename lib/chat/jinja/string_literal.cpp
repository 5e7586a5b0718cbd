#include "chat/jinja/string_literal.h"

#include <charconv>

#include "text/unicode.h"

namespace gptkit::jinja {

namespace {

/// Exactly `digits` hexadecimal digits.
std::optional<char32_t> hex(std::string_view text, std::size_t digits) {
  std::uint32_t code = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, code, 16);
  const bool scalar = code < 0xD800 || (code >= 0xE000 && code < 0x110000);
  if (error != std::errc() || end != text.data() + digits || !scalar) return std::nullopt;
  return code;
}

/// The character of a one-letter escape.
std::optional<char> simple(char c) {
  constexpr std::string_view kLetters = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
  const auto at = kLetters.find(c);
  if (at == kLetters.npos) return std::nullopt;
  return kValues[at];
}

std::size_t octal_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < 3 && count < text.size() && text[count] >= '0' && text[count] <= '7') ++count;
  return count;
}

}  // namespace

std::optional<std::string> unescape(std::string_view literal) {
  std::string text;
  for (std::size_t at = 0; at < literal.size();) {
    if (literal[at] != '\\') {
      text += literal[at++];
      continue;
    }
    const auto rest = literal.substr(at + 1);
    const char c = rest.empty() ? '\\' : rest[0];
    if (const auto value = simple(c)) {
      text += *value;
      at += 2;
    } else if (c == '\n') {  // a line that goes on
      at += 2;
    } else if (const auto digits = octal_digits(rest); digits > 0) {
      std::uint32_t code = 0;
      std::from_chars(rest.data(), rest.data() + digits, code, 8);
      append_utf8(text, code);
      at += 1 + digits;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const auto code = hex(rest.substr(1), count);
      if (!code) return std::nullopt;
      append_utf8(text, *code);
      at += 2 + count;
    } else if (c == 'N') {
      return std::nullopt;
    } else {
      text += '\\';  // Python leaves it as it stands
      ++at;
    }
  }
  return text;
}

}  // namespace gptkit::jinja
