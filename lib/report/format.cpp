#include "report/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/utf8.h"

namespace gptkit {

namespace {

/// Adds digits until a share that is neither 0 nor 1 is not shown as 0 or 1.
std::string honest(double share, double scale, int digits, int most_digits) {
  std::string text = fixed(share * scale, digits);
  const std::string none = fixed(0, digits), all = fixed(scale, digits);
  const bool claims_an_end = (share > 0 && text == none) || (share < 1 && text == all);
  return claims_an_end && digits < most_digits ? honest(share, scale, digits + 1, most_digits)
                                               : text;
}

/// Direction marks, overrides and isolates; zero-width blanks and joins, except those that emoji
/// and Indic and Persian spelling need (U+200C, U+200D); tags.
bool hides(char32_t code) {
  return code == 0xAD || code == 0x61C || code == 0x200B || code == 0x200E || code == 0x200F ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
         code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE007F);
}

void append_named(std::string& out, char32_t code) {
  char name[16];
  std::snprintf(name, sizeof name, "<U+%04X>", static_cast<unsigned>(code));
  out += name;
}

void append_visible(std::string& out, char32_t code) {
  if (code == '\n') {
    out += "\u21B5 ";
  } else if (code == '\t') {
    out += ' ';
  } else if (code < 0x20) {
    append_utf8(out, 0x2400 + code);
  } else if (code == 0x7F) {
    append_utf8(out, 0x2421);
  } else if ((code >= 0x80 && code < 0xA0) || hides(code)) {
    append_named(out, code);
  } else {
    append_utf8(out, code);
  }
}

}  // namespace

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string percent(double share) { return honest(share, 100, 1, 6) + " %"; }
std::string percent(const std::optional<double>& share) {
  return share ? percent(*share) : kUndefined;
}
std::string percent(const Interval& interval) {
  return honest(interval.low, 100, 1, 6) + " to " + percent(interval.high);
}

std::string short_percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g %%", 100 * share);
  return text;
}

std::string decimal(double value) { return honest(value, 1, 4, 12); }
std::string decimal(const std::optional<double>& value) {
  return value ? decimal(*value) : kUndefined;
}

std::string decimal_of(double value, std::int64_t whole) {
  return whole > 0 ? decimal(value) : kUndefined;
}

std::string p_value_text(double p) {
  if (p < 0.0001) return "p < 0.0001";
  return "p = " + fixed(p, p < 0.01 ? 4 : p < 0.1 ? 3 : 2);
}

std::string visible_text(std::string_view text, std::size_t most) {
  std::string out;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    if (characters == most) return out + "\u2026";
    const auto character = decode_utf8(text, at);
    at += character.bytes;
    append_visible(out, character.code);
  }
  return out;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string left_in(std::string text, std::size_t width) {
  const auto used = columns(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

std::string right_in(const std::string& text, std::size_t width) {
  const auto used = columns(text);
  return used < width ? std::string(width - used, ' ') + text : text;
}

}  // namespace gptkit
