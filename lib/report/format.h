#pragma once
// Formats numbers and untrusted texts for terminals and HTML. No metric is rounded to a perfect
// value: 0.99996 is not "100 %".

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "eval/significance.h"

namespace gptkit {

/// The text for a metric with a zero denominator.
inline constexpr const char* kUndefined = "undefined";

std::string fixed(double value, int digits);
/// 98.9 %; more digits if fewer would show 0 or 100.
std::string percent(double share);
std::string percent(const std::optional<double>& share);
/// 98.1 to 99.4 %
std::string percent(const Interval& interval);
/// 99 %, 99.5 %: a setting, with the digits it needs.
std::string short_percent(double share);
/// 0.9979; more digits if four would show 0 or 1.
std::string decimal(double value);
std::string decimal(const std::optional<double>& value);
/// A metric over `whole` rows; undefined if there are none.
std::string decimal_of(double value, std::int64_t whole);
/// "p = 0.031", "p < 0.0001"
std::string p_value_text(double p);

/// Makes a text from outside safe to display: at most `most` characters followed by an ellipsis,
/// invalid UTF-8 as U+FFFD, control characters as their pictures (from U+2400), and characters that
/// hide or reverse text (bidirectional overrides, zero-width blanks) by name, for example <U+202E>.
/// Line ends become a mark and a blank, so the result is one line.
std::string visible_text(std::string_view text, std::size_t most);

/// The number of characters, which is the width in a terminal if no character is wide.
std::size_t columns(std::string_view text);
/// Pads the text with blanks after it (left_in) or before it (right_in) to a width in columns.
std::string left_in(std::string text, std::size_t width);
std::string right_in(const std::string& text, std::size_t width);

}  // namespace gptkit
