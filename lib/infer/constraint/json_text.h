#pragma once
// The pieces of JSON texts (RFC 8259) as states of a grammar: what a schema's values are made of.
// Compact: at most one blank, behind ':' and ','. Numbers have at most 15 digits before the point,
// 15 behind it and two in the exponent, so every reader takes them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "infer/constraint/byte_grammar.h"
#include "infer/constraint/regex.h"

namespace gptkit {

/// The largest integer that is written.
constexpr std::int64_t kLargestJsonInteger = 999'999'999'999'999;

/// The bounds of a number; absent ones do not bound.
struct NumberBounds {
  std::optional<std::int64_t> least = {}, most = {};
  bool above_least = false, below_most = false;  // the bounds themselves are left out
  bool any() const { return least || most; }
};

class JsonText {
 public:
  explicit JsonText(ByteGrammar& grammar) : grammar_(grammar) {}

  /// One character of a string's content, as itself or as an escape.
  StateId any_character(StateId next);
  /// One of the set: as itself where JSON allows that, else as its shortest escape.
  StateId character(const CharacterSet& set, StateId next);

  /// Texts in quotes.
  StateId string(StateId next);
  StateId string(std::uint32_t least, std::uint32_t most, StateId next);
  enum class Match { kWhole, kSearch };
  StateId string(const Regex& regex, Match match, StateId next);
  /// Names of members: no escapes, and none of those that are taken.
  StateId name_other_than(std::span<const std::string> taken, StateId next);

  StateId integer(StateId next);
  /// From least to most.
  StateId integer(std::int64_t least, std::int64_t most, StateId next);
  StateId number(StateId next);
  StateId number(const NumberBounds& bounds, StateId next);

  /// ':' or ',' and a blank that may be left out.
  StateId separator(char c, StateId next);

 private:
  StateId regex(std::string_view pattern, StateId next);
  StateId digits(int n, StateId next);
  StateId magnitude(std::int64_t least, std::int64_t most, StateId next);
  StateId digit_range(std::string_view least, std::string_view most, StateId next);
  StateId decimal_magnitude(const NumberBounds& bounds, StateId next);

  ByteGrammar& grammar_;
};

/// The expression of a `format`; empty for one that is not supported.
std::string_view format_pattern(std::string_view format);
/// "date, time, ..."
std::string_view known_formats();

}  // namespace gptkit
