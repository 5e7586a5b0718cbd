#pragma once
// Values as text for people: concatenated, joined, counted, timed, and made safe to print. Each
// exists here once.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>

namespace gptkit {

/// Concatenates its arguments as operator<< prints them (GCC 12 has no <format>).
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// "a, b, c": the parts as operator<< prints them. After `at_most` parts the rest are counted:
/// "a, b and 7 more".
template <class Range>
std::string join(const Range& parts, std::string_view separator = ", ",
                 std::size_t at_most = std::numeric_limits<std::size_t>::max()) {
  std::ostringstream out;
  std::size_t n = 0;
  for (const auto& part : parts) {
    if (n < at_most) out << (n > 0 ? separator : std::string_view()) << part;
    ++n;
  }
  if (n > at_most) out << " and " << n - at_most << " more";
  return out.str();
}

/// "124,412,160".
std::string format_count(std::int64_t n);
/// "0.4 s", "12 s", "2 min 5 s", "3 h 2 min"; "?" for a duration that is negative or not finite.
std::string format_duration(double seconds);
/// "1.2 KB", "497.8 MB" (powers of 1000).
std::string format_bytes(double bytes);

/// Text from outside (a path, a tensor's name) for a message: one line, no control characters, at
/// most about max_bytes long.
std::string printable(std::string_view text, std::size_t max_bytes = 160);
/// A whole message without characters that control a terminal. Line ends and tabs stay.
std::string without_controls(std::string_view message);

}  // namespace gptkit
