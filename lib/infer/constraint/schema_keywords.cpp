#include "infer/constraint/schema_keywords.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace gptkit {

namespace {

/// Keywords that describe; they never constrain a value.
constexpr std::string_view kDescribing[] = {
    "$comment",         "$defs",    "$id",         "$schema",    "contentEncoding",
    "contentMediaType", "default",  "definitions", "deprecated", "description",
    "example",          "examples", "readOnly",    "title",      "writeOnly"};

struct Constraining {
  std::string_view name;
  std::string_view type;  // whose values it constrains; empty: of all
};
constexpr Constraining kConstraining[] = {
    {"$ref", ""},
    {"additionalProperties", "object"},
    {"allOf", ""},
    {"anyOf", ""},
    {"const", ""},
    {"enum", ""},
    {"exclusiveMaximum", "number"},
    {"exclusiveMinimum", "number"},
    {"format", "string"},
    {"items", "array"},
    {"maxItems", "array"},
    {"maxLength", "string"},
    {"maximum", "number"},
    {"minItems", "array"},
    {"minLength", "string"},
    {"minimum", "number"},
    {"oneOf", ""},
    {"pattern", "string"},
    {"prefixItems", "array"},
    {"properties", "object"},
    {"required", "object"},
    {"type", ""},
    {"uniqueItems", "array"},
};
constexpr std::string_view kTypes[] = {"string", "number", "integer", "boolean",
                                       "null",   "object", "array"};

template <class Range>
bool holds(const Range& range, std::string_view name) {
  return std::find(std::begin(range), std::end(range), name) != std::end(range);
}

const Constraining* constraining(std::string_view keyword) {
  const auto* const found =
      std::find_if(std::begin(kConstraining), std::end(kConstraining),
                   [keyword](const Constraining& known) { return known.name == keyword; });
  return found == std::end(kConstraining) ? nullptr : found;
}

std::string all_keywords() {
  std::vector<std::string_view> names;
  for (const auto& known : kConstraining) names.push_back(known.name);
  return join(names);
}

std::string shown(const OrderedJson& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return printable(dump_json(value), 60);
}

/// As in a JSON pointer.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return printable(text, 60);
}

}  // namespace

SchemaKeywords::SchemaKeywords(const OrderedJson& schema, std::string place)
    : schema_(schema), place_(std::move(place)) {
  if (!schema.is_object()) refuse("expected a schema (an object); found ", shown(schema));
  for (const auto& [keyword, value] : schema.items()) {
    if (holds(kDescribing, keyword) || constraining(keyword)) continue;
    fail(this->place(keyword), " is not supported; supported are ", all_keywords());
  }
}

const OrderedJson* SchemaKeywords::find(std::string_view keyword) const {
  const auto found = schema_.find(std::string(keyword));
  return found == schema_.end() ? nullptr : &*found;
}

std::string SchemaKeywords::place(std::string_view keyword) const {
  return place_ + "/" + escaped(keyword);
}

std::optional<std::string> SchemaKeywords::text(std::string_view keyword) const {
  const auto* const value = find(keyword);
  if (!value) return std::nullopt;
  if (!value->is_string()) fail(place(keyword), " is ", shown(*value), "; expected a text");
  return value->get<std::string>();
}

std::optional<bool> SchemaKeywords::boolean(std::string_view keyword) const {
  const auto* const value = find(keyword);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) fail(place(keyword), " is ", shown(*value), "; expected true or false");
  return value->get<bool>();
}

std::optional<double> SchemaKeywords::number(std::string_view keyword) const {
  const auto* const value = find(keyword);
  if (!value) return std::nullopt;
  if (!value->is_number()) fail(place(keyword), " is ", shown(*value), "; expected a number");
  return value->get<double>();
}

std::optional<std::uint32_t> SchemaKeywords::count(std::string_view keyword) const {
  constexpr double kMost = 1e9;
  const auto value = number(keyword);
  if (!value) return std::nullopt;
  if (!(*value >= 0 && *value <= kMost) || *value != static_cast<std::uint32_t>(*value)) {
    fail(place(keyword), " is ", shown(*find(keyword)), "; expected a whole number from 0 to ",
         static_cast<std::uint32_t>(kMost));
  }
  return static_cast<std::uint32_t>(*value);
}

const OrderedJson& SchemaKeywords::list(std::string_view keyword) const {
  const auto* const value = find(keyword);
  if (!value->is_array() || value->empty()) {
    fail(place(keyword), " is ", value->is_array() ? "empty" : shown(*value),
         "; expected a list with at least one element");
  }
  return *value;
}

std::vector<std::string> SchemaKeywords::named_types() const {
  const auto& value = *find("type");
  const auto all = value.is_array() ? list("type") : OrderedJson::array({value});
  std::vector<std::string> types;
  for (const auto& type : all) {
    if (!type.is_string() || !holds(kTypes, type.get<std::string>())) {
      fail(place("type"), " is ", shown(type), "; expected ", join(kTypes));
    }
    types.push_back(type.get<std::string>());
  }
  return types;
}

std::vector<std::string> SchemaKeywords::types() const {
  if (has("type")) return named_types();
  std::vector<std::string> types;
  for (const auto& [keyword, value] : schema_.items()) {
    const auto* const known = constraining(keyword);
    if (known && !known->type.empty() && !holds(types, known->type))
      types.emplace_back(known->type);
  }
  return types;
}

std::string SchemaKeywords::constraint_beside(const std::vector<std::string_view>& others) const {
  for (const auto& [keyword, value] : schema_.items()) {
    if (constraining(keyword) && !holds(others, keyword)) return keyword;
  }
  return {};
}

}  // namespace gptkit
