#pragma once
// A small checker of JSON values against the schemas of the golden file, by JSON Schema's rules and
// without a grammar: what generated texts are judged by. Formats are judged by their length alone.

#include <cmath>
#include <regex>
#include <string>

#include "base/json.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace gptkit::test {

inline std::size_t characters_in(const std::string& text) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).bytes) ++n;
  return n;
}

inline bool has_type(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  return value.is_null();
}

/// What is wrong with the value; empty when nothing is.
std::string schema_violation(const Json& value, const OrderedJson& schema, const OrderedJson& root);

inline std::string string_violation(const std::string& text, const OrderedJson& schema) {
  if (schema.value("minLength", 0u) > characters_in(text)) return "too short";
  if (schema.contains("maxLength") && schema["maxLength"] < characters_in(text)) return "too long";
  // std::regex knows bytes: enough for the patterns there.
  if (schema.contains("pattern") &&
      !std::regex_search(text, std::regex(schema["pattern"].get<std::string>()))) {
    return "pattern";
  }
  if (schema.value("format", "") == "date" && text.size() != 10) return "date";
  if (schema.value("format", "") == "uuid" && text.size() != 36) return "uuid";
  return "";
}

inline std::string number_violation(double value, const OrderedJson& schema) {
  if (schema.contains("minimum") && value < schema["minimum"].get<double>()) return "minimum";
  if (schema.contains("maximum") && value > schema["maximum"].get<double>()) return "maximum";
  if (schema.contains("exclusiveMinimum") && value <= schema["exclusiveMinimum"].get<double>()) {
    return "exclusiveMinimum";
  }
  if (schema.contains("exclusiveMaximum") && value >= schema["exclusiveMaximum"].get<double>()) {
    return "exclusiveMaximum";
  }
  return "";
}

inline std::string array_violation(const Json& value, const OrderedJson& schema,
                                   const OrderedJson& root) {
  if (value.size() < schema.value("minItems", 0u)) return "minItems";
  if (schema.contains("maxItems") && schema["maxItems"] < value.size()) return "maxItems";
  const auto fixed = schema.value("prefixItems", OrderedJson::array());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto element = i < fixed.size() ? fixed[i] : schema.value("items", OrderedJson(true));
    if (auto wrong = schema_violation(value[i], element, root); !wrong.empty()) return wrong;
  }
  return "";
}

inline std::string object_violation(const Json& value, const OrderedJson& schema,
                                    const OrderedJson& root) {
  for (const auto& name : schema.value("required", OrderedJson::array())) {
    if (!value.contains(name.get<std::string>())) return concat("required ", name);
  }
  const auto properties = schema.value("properties", OrderedJson::object());
  for (const auto& [name, member] : value.items()) {
    const auto part = properties.contains(name)
                          ? properties[name]
                          : schema.value("additionalProperties", OrderedJson(true));
    if (auto wrong = schema_violation(member, part, root); !wrong.empty()) return wrong;
  }
  return "";
}

inline std::string type_violation(const Json& value, const OrderedJson& types) {
  if (types.is_string()) return has_type(value, types.get<std::string>()) ? "" : "type";
  for (const auto& type : types) {
    if (has_type(value, type.get<std::string>())) return "";
  }
  return "type";
}

/// Exactly one (or at least one) of the schemas has to fit.
inline std::string choice_violation(const Json& value, const OrderedJson& schemas,
                                    const OrderedJson& root) {
  for (const auto& schema : schemas) {
    if (schema_violation(value, schema, root).empty()) return "";
  }
  return "none of several";
}

inline std::string schema_violation(const Json& value, const OrderedJson& schema,
                                    const OrderedJson& root) {
  if (schema.is_boolean()) return schema.get<bool>() ? "" : "false";
  if (schema.contains("$ref")) {
    const auto pointer = schema["$ref"].get<std::string>().substr(1);
    return schema_violation(value, root.at(OrderedJson::json_pointer(pointer)), root);
  }
  const auto same = [&value](const OrderedJson& other) {
    return parse_json(dump_json(other), "constant") == value;
  };
  if (schema.contains("const") && !same(schema["const"])) return "const";
  if (schema.contains("enum") && std::none_of(schema["enum"].begin(), schema["enum"].end(), same))
    return "enum";
  for (const auto* name : {"anyOf", "oneOf", "allOf"}) {
    if (schema.contains(name)) return choice_violation(value, schema[name], root);
  }
  if (schema.contains("type")) {
    if (auto wrong = type_violation(value, schema["type"]); !wrong.empty()) return wrong;
  }
  if (value.is_string()) return string_violation(value.get<std::string>(), schema);
  if (value.is_number()) return number_violation(value.get<double>(), schema);
  if (value.is_array()) return array_violation(value, schema, root);
  if (value.is_object()) return object_violation(value, schema, root);
  return "";
}

}  // namespace gptkit::test
