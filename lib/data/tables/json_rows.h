#pragma once
// The rows of a JSON file, whatever its name ends in: a value a line (JSON lines), values one after
// the other, one array, or one object with exactly one list in it ({"data": [...]}).

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace gptkit {

/// A row's text, not parsed yet: one that is damaged costs no other.
struct JsonRow {
  std::string_view text;
  std::int64_t line = 0;  // of JSON lines, from 1; else 0
};

/// Cuts a file's text into rows; those of lines may be no JSON. A lone object is one row when
/// `is_row_key` knows one of its keys. Fails, with `where` before, for an object with more than one
/// list, and for what is none of the shapes.
std::vector<JsonRow> split_json_rows(std::string_view text, const std::string& where,
                                     const std::function<bool(const std::string&)>& is_row_key);

/// Whether a JSON text has an escape for half of a UTF-16 pair, which is no character.
bool has_lone_surrogate(std::string_view json);

/// "'a', 'b'": the keys of an object, or the names in a list, for messages.
std::string listed_keys(const Json& object);
std::string listed_names(const std::vector<std::string>& names);

}  // namespace gptkit
