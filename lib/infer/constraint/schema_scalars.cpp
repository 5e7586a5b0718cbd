#include "infer/constraint/schema_scalars.h"

#include <algorithm>
#include <cmath>

#include "infer/constraint/regex.h"

namespace gptkit {

namespace {

/// The bounds of minimum and its kin. Integers take whole numbers inside of them.
NumberBounds bounds(const SchemaKeywords& keywords, bool integer) {
  NumberBounds bounds;
  const auto read = [&](const char* name, bool lower, bool exclusive) {
    const auto value = keywords.number(name);
    if (!value) return;
    constexpr auto kLargest = static_cast<double>(kLargestJsonInteger);
    const auto clamped = std::clamp(*value, -kLargest, kLargest);
    const auto whole = static_cast<std::int64_t>(lower ? std::ceil(clamped) : std::floor(clamped));
    const bool exact = clamped == *value && static_cast<double>(whole) == *value;
    if (!integer && !exact) {
      fail(keywords.place(name), " is ", *value,
           "; the type number takes only whole bounds, up to ", kLargestJsonInteger);
    }
    auto& bound = lower ? bounds.least : bounds.most;
    auto& left_out = lower ? bounds.above_least : bounds.below_most;
    const bool tighter = !bound || (lower ? whole >= *bound : whole <= *bound);
    if (!tighter) return;
    left_out = exclusive && exact;
    bound = whole;
  };
  read("minimum", true, false);
  read("exclusiveMinimum", true, true);
  read("maximum", false, false);
  read("exclusiveMaximum", false, true);
  return bounds;
}

}  // namespace

StateId schema_string(JsonText& json, const SchemaKeywords& keywords, StateId next) {
  const bool lengths = keywords.has("minLength") || keywords.has("maxLength");
  const int ways = lengths + keywords.has("pattern") + keywords.has("format");
  if (ways > 1) keywords.refuse("of pattern, format and minLength/maxLength only one is supported");
  if (const auto pattern = keywords.text("pattern")) {
    return json.string(parse_regex(*pattern, keywords.place("pattern")), JsonText::Match::kSearch,
                       next);
  }
  if (const auto format = keywords.text("format")) {
    const auto pattern = format_pattern(*format);
    if (pattern.empty()) {
      fail(keywords.place("format"), ": '", printable(*format, 40),
           "' is not supported; supported are ", known_formats());
    }
    return json.string(parse_regex(pattern, "format"), JsonText::Match::kWhole, next);
  }
  if (!lengths) return json.string(next);
  const auto least = keywords.count("minLength").value_or(0);
  const auto most = keywords.count("maxLength").value_or(ByteGrammar::kUnbounded);
  if (least > most) keywords.refuse("minLength ", least, " is above maxLength ", most);
  return json.string(least, most, next);
}

StateId schema_integer(JsonText& json, const SchemaKeywords& keywords, StateId next) {
  const auto b = bounds(keywords, true);
  const auto least = b.least.value_or(-kLargestJsonInteger) + (b.above_least ? 1 : 0);
  const auto most = b.most.value_or(kLargestJsonInteger) - (b.below_most ? 1 : 0);
  if (least > most) keywords.refuse("no integer lies between ", least, " and ", most);
  return json.integer(least, most, next);
}

StateId schema_number(JsonText& json, const SchemaKeywords& keywords, StateId next) {
  const auto b = bounds(keywords, false);
  if (!b.any()) return json.number(next);
  const bool none =
      b.least && b.most &&
      (*b.least > *b.most || (*b.least == *b.most && (b.above_least || b.below_most)));
  if (none) keywords.refuse("no number lies between ", *b.least, " and ", *b.most);
  return json.number(b, next);
}

}  // namespace gptkit
