#include "base/strings.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace gptkit {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

/// One of U+0080 to U+009F, two bytes in UTF-8: control characters to a terminal.
bool is_c1_control(std::string_view text, std::size_t i) {
  return byte_at(text, i) == 0xC2 && i + 1 < text.size() && byte_at(text, i + 1) < 0xA0;
}

std::string hex_escape(unsigned char byte) { return formatted("\\x%02x", unsigned{byte}); }

}  // namespace

std::string format_count(std::int64_t n) {
  std::string digits = std::to_string(n);
  const std::ptrdiff_t first = n < 0 ? 1 : 0;
  for (auto at = std::ssize(digits) - 3; at > first; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return formatted(seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  if (whole < 3600) return concat(whole / 60, " min ", whole % 60, " s");
  return concat(whole / 3600, " h ", whole / 60 % 60, " min");
}

std::string format_bytes(double bytes) {
  if (std::abs(bytes) < 999.5) return formatted("%.0f B", bytes);
  constexpr std::array kUnits = {"KB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  bytes /= 1000;
  for (; std::abs(bytes) >= 999.95 && unit + 1 < kUnits.size(); ++unit) bytes /= 1000;
  return formatted("%.1f %s", bytes, kUnits[unit]);
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = byte_at(text, i);
    const bool starts_character = (byte & 0xC0) != 0x80;
    if (out.size() >= max_bytes && starts_character) return out + "...";
    if (byte == '\n') {
      out += "\\n";
    } else if (is_c1_control(text, i)) {
      out += hex_escape(byte_at(text, ++i));
    } else if (byte < 0x20 || byte == 0x7F) {
      out += hex_escape(byte);
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string without_controls(std::string_view message) {
  std::string text;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto byte = byte_at(message, i);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    const bool c1_control = is_c1_control(message, i);
    text += control || c1_control ? '?' : message[i];
    i += c1_control;
  }
  return text;
}

}  // namespace gptkit
