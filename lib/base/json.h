#pragma once
// JSON behind a guard: strangers' files are refused when nested deeper than 64 or when a key
// repeats, numbers are checked before they are converted, and invalid UTF-8 never reaches a dump.
// The only file of the library that sees nlohmann-json.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gptkit {

using Json = nlohmann::json;                 ///< keys sorted; logarithmic look-up
using OrderedJson = nlohmann::ordered_json;  ///< keys in insertion order; for what people read

/// Parses one JSON document. `where` (usually the file's path) opens every error message.
Json parse_json(std::string_view text, const std::string& where);
/// parse_json keeping the keys in file order (look-up is linear: for small documents).
OrderedJson parse_json_ordered(std::string_view text, const std::string& where);

/// One line (indent < 0) or pretty. Bytes that are not UTF-8 become U+FFFD.
std::string dump_json(const Json& value, int indent = -1);
std::string dump_json(const OrderedJson& value, int indent = -1);

/// Checked members of a JSON object: each fails naming `where`, the key and what was expected.
/// The forms with a fallback return it when the key is absent or null.
std::int64_t json_int(const Json& object, const std::string& key, const std::string& where);
std::int64_t json_int(const Json& object, const std::string& key, const std::string& where,
                      std::int64_t fallback);
double json_number(const Json& object, const std::string& key, const std::string& where);
double json_number(const Json& object, const std::string& key, const std::string& where,
                   double fallback);
bool json_bool(const Json& object, const std::string& key, const std::string& where, bool fallback);
std::string json_string(const Json& object, const std::string& key, const std::string& where);
std::string json_string(const Json& object, const std::string& key, const std::string& where,
                        const std::string& fallback);
/// The value itself as a checked integer (no fraction, no overflow).
std::int64_t json_to_int(const Json& value, const std::string& what);

}  // namespace gptkit
