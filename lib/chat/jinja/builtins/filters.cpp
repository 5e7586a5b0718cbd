// Jinja's filters on single values and texts; those on lists are in list_filters.cpp.

#include "chat/jinja/builtins/filters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

namespace gptkit::jinja {

namespace {

using Filter = Value (*)(Interpreter&, const Value&, Arguments&);

Value trim(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "trim", arguments, {"chars"});
  const Value* characters = bound.find("chars");
  const bool given = characters && !characters->is_none();
  return Value(
      stripped(in.text_of(value),
               given ? std::optional<std::string_view>(bound.text("chars").text()) : std::nullopt,
               true, true));
}

template <LetterCase kCase>
Value change_case(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "upper", arguments, {});
  return case_text(in, in.text_of(value), kCase);
}

Value lower(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "lower", arguments, {});
  return Value(lowered(in.text_of(value)));
}

Value replace(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "replace", arguments, {"old", "new", "count"});
  const Value* count = bound.find("count");
  const bool all = !count || count->is_none();
  return replace_text(in, in.text_of(value), in.text_of(bound.at("old")),
                      in.text_of(bound.at("new")), all ? -1 : bound.integer("count", -1));
}

Value default_value(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "default", arguments, {"default_value", "boolean"});
  const bool missing = value.is_undefined() || (bound.truth("boolean", false) && !value.truth());
  if (!missing) return value;
  return bound.given("default_value") ? bound.at("default_value") : Value("");
}

Value to_text(Interpreter& in, const Value& value, Arguments&) { return Value(in.text_of(value)); }

/// In an expression, text marked for HTML would escape what it is joined to. (An output's outermost
/// `| safe` changes nothing: the parser drops it.)
Value safe(Interpreter& in, const Value&, Arguments&) {
  in.refuse("the filter 'safe' is supported as the last one of an output only");
}

/// A number that stands alone in a text, between white space.
template <class Number>
std::optional<Number> parse_number(const TrackedText& text) {
  const auto bare = stripped(text, std::nullopt, true, true);
  std::string digits = bare.text();
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (digits.empty() || digits.find_first_not_of("0123456789+-.eE") != digits.npos) return {};
  Number number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return {};
  return number;
}

std::optional<std::int64_t> truncated(double number) {
  if (!(std::abs(number) < 9.2e18)) return {};
  return static_cast<std::int64_t>(number);
}

Value to_integer(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "int", arguments, {"default", "base"});
  if (bound.integer("base", 10) != 10) in.refuse("int: only base 10 is supported");
  in.defined(value);
  std::optional<std::int64_t> number;
  if (value.is_integer()) number = value.integer();
  if (const auto* real = value.get<double>()) number = truncated(*real);
  if (const auto* text = value.text()) {
    number = parse_number<std::int64_t>(*text);
    const auto real = number ? std::nullopt : parse_number<double>(*text);
    if (real) number = truncated(*real);
  }
  if (number) return Value(*number);
  return bound.given("default") ? bound.at("default") : Value(std::int64_t{0});
}

Value to_float(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "float", arguments, {"default"});
  in.defined(value);
  if (value.is_number()) return Value(value.number());
  const auto number = value.is_text() ? parse_number<double>(*value.text()) : std::nullopt;
  if (number) return Value(*number);
  return bound.given("default") ? bound.at("default") : Value(0.0);
}

Value absolute(Interpreter& in, const Value& value, Arguments&) {
  if (!in.defined(value).is_number()) in.refuse("abs of a ", type_name(value));
  if (const auto* real = value.get<double>()) return Value(std::abs(*real));
  return value.integer() < 0 ? in.binary("-", Value(std::int64_t{0}), value)
                             : Value(value.integer());
}

Value rounded(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "round", arguments, {"precision", "method"});
  const auto precision = bound.integer("precision", 0);
  const std::string method = bound.given("method") ? bound.text("method").text() : "common";
  if (!in.defined(value).is_number()) in.refuse("round of a ", type_name(value));
  if (precision < 0 || precision > 15) in.refuse("round: precision 0 to 15 is supported");
  if (method == "common") {
    if (value.is_integer()) return Value(value.integer());
    char buffer[400];
    const int bytes =
        std::snprintf(buffer, sizeof(buffer), "%.*f", static_cast<int>(precision), value.number());
    double number = value.number();
    std::from_chars(buffer, buffer + bytes, number);
    return Value(number);
  }
  if (method != "ceil" && method != "floor") in.refuse("round: unknown method '", method, "'");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.number() * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

/// The lines of a text, moved to the right.
Value indent(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "indent", arguments, {"width", "first", "blank"});
  TrackedText margin;
  if (bound.given("width") && bound.at("width").is_text()) {
    margin = bound.text("width");
  } else {
    const auto width = std::clamp<std::int64_t>(bound.integer("width", 4), 0, 1000);
    margin.append(std::string(static_cast<std::size_t>(width), ' '), false);
  }
  if (!in.defined(value).is_text()) in.refuse("indent of a ", type_name(value));
  auto text = in.text_of(value);
  text.append("\n", false);  // so that the last line is one
  const bool blank = bound.truth("blank", false);
  const auto lines = split_lines(text, /*keep_ends=*/false);
  in.charge_text(text.size() + lines.size() * margin.size());
  TrackedText out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append("\n", false);
    const bool moved = i == 0 ? bound.truth("first", false) : blank || lines[i].size() > 0;
    if (moved) out.append(margin);
    out.append(lines[i]);
  }
  return Value(std::move(out));
}

Value format(Interpreter& in, const Value& value, Arguments& arguments) {
  if (!arguments.named.empty()) in.refuse("format: named values are not supported");
  return in.binary("%", Value(in.text_of(value)),
                   in.make(arguments.positional, SequenceKind::kTuple));
}

Value tojson(Interpreter& in, const Value& value, Arguments& arguments) {
  return to_json(in, value, arguments);
}

const std::unordered_map<std::string_view, Filter>& filters() {
  static const std::unordered_map<std::string_view, Filter> all = {
      {"trim", trim},
      {"upper", change_case<LetterCase::kUpper>},
      {"title", change_case<LetterCase::kWords>},
      {"capitalize", change_case<LetterCase::kCapitalize>},
      {"lower", lower},
      {"replace", replace},
      {"default", default_value},
      {"d", default_value},
      {"string", to_text},
      {"safe", safe},
      {"int", to_integer},
      {"float", to_float},
      {"abs", absolute},
      {"round", rounded},
      {"indent", indent},
      {"format", format},
      {"tojson", tojson}};
  return all;
}

}  // namespace

Value Interpreter::filter(std::string_view name, const Value& value, Arguments& arguments) {
  if (const auto found = filters().find(name); found != filters().end()) {
    return found->second(*this, value, arguments);
  }
  if (auto result = list_filter(*this, name, value, arguments)) return std::move(*result);
  refuse("the filter '", printable(name, 60), "' is not supported");
}

}  // namespace gptkit::jinja
