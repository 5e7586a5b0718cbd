#pragma once
// Numbers and strangers' texts as people read them, in a terminal and in HTML. No figure is rounded
// to a perfect one: 0.99996 is not "100 %".

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "eval/significance.h"

namespace gptkit {

/// What a figure that divides by nothing is called.
inline constexpr const char* kUndefined = "undefined";

std::string fixed(double value, int digits);
/// 98.9 %; more digits where fewer would claim 0 or 100.
std::string percent(double share);
std::string percent(const std::optional<double>& share);
/// 98.1 to 99.4 %
std::string percent(const Interval& interval);
/// 99 %, 99.5 %: a setting, with the digits it needs.
std::string short_percent(double share);
/// 0.9979, with more digits where four would claim 0 or 1.
std::string decimal(double value);
std::string decimal(const std::optional<double>& value);
/// A figure of `whole` rows that is 0 for want of any: undefined then.
std::string decimal_of(double value, std::int64_t whole);
/// "p = 0.031", "p < 0.0001"
std::string p_value_text(double p);

/// A text from outside, made fit to be looked at: at most `most` characters and then an ellipsis,
/// what is not UTF-8 as U+FFFD, control characters as their pictures (U+2400 and on), and
/// characters that hide or turn text round (bidirectional overrides, zero-width blanks) by name, as
/// in <U+202E>. Line ends become a mark and a blank: the result is one line.
std::string visible_text(std::string_view text, std::size_t most);

/// Characters, as a terminal's columns are counted where no character is wide.
std::size_t columns(std::string_view text);
/// Blanks behind (`left`) or before the text up to a width in columns.
std::string left_in(std::string text, std::size_t width);
std::string right_in(const std::string& text, std::size_t width);

}  // namespace gptkit
