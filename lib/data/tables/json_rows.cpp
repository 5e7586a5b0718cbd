#include "data/tables/json_rows.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kBlank, at), text.size());
}

/// Behind the string that opens at `at`; npos when it does not end.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.npos;
}

/// Behind the value that begins at `at`, judged by its quotes and brackets alone; npos when it does
/// not end.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      if (at == text.npos) return at;
    } else if (c == '[' || c == '{') {
      ++depth, ++at;
    } else if (c == ']' || c == '}') {
      if (--depth < 0) return text.npos;
      ++at;
    } else if (depth > 0 || c == ',' || c == ':' || kBlank.find(c) != kBlank.npos) {
      if (depth == 0) return text.npos;
      ++at;
    } else {
      at = std::min(text.find_first_of(" \t\r\n,:[]{}\"", at), text.size());  // a number or word
    }
    if (depth == 0) return at;
  }
  return text.npos;
}

bool is_whole_value(std::string_view line) {
  const auto begin = skip_blanks(line, 0);
  const auto end = end_of_value(line, begin);
  return end != line.npos && skip_blanks(line, end) == line.size();
}

/// The elements of the array that begins at `at`, which moves behind it; nothing when it has not
/// the shape of an array.
std::optional<std::vector<JsonRow>> elements(std::string_view text, std::size_t& at) {
  std::vector<JsonRow> rows;
  at = skip_blanks(text, at + 1);
  if (at < text.size() && text[at] == ']') return ++at, rows;
  while (true) {
    const auto end = end_of_value(text, at);
    if (end == text.npos) return std::nullopt;
    rows.push_back({text.substr(at, end - at)});
    at = skip_blanks(text, end);
    if (at == text.size() || (text[at] != ',' && text[at] != ']')) return std::nullopt;
    const bool last = text[at] == ']';
    at = last ? at + 1 : skip_blanks(text, at + 1);
    if (last) return rows;
  }
}

std::vector<JsonRow> lines_of(std::string_view text) {
  std::vector<JsonRow> rows;
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto row = text.substr(0, end);
    if (skip_blanks(row, 0) < row.size()) rows.push_back({row, line});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return rows;
}

/// A file with more than one line of text whose first one is a whole value.
bool has_lines(std::string_view text) {
  text.remove_prefix(skip_blanks(text, 0));
  const auto end = text.find('\n');
  return end != text.npos && skip_blanks(text, end) < text.size() &&
         is_whole_value(text.substr(0, end));
}

/// The name and the value's text of each member; empty when it has not the shape of an object.
std::vector<std::pair<std::string, std::string_view>> members(std::string_view object) {
  std::vector<std::pair<std::string, std::string_view>> found;
  for (std::size_t at = skip_blanks(object, 1); at < object.size() && object[at] == '"';) {
    const auto name_end = end_of_string(object, at);
    if (name_end == object.npos) return {};
    const auto name = object.substr(at, name_end - at);
    at = skip_blanks(object, name_end);
    if (at == object.size() || object[at] != ':') return {};
    at = skip_blanks(object, at + 1);
    const auto end = end_of_value(object, at);
    if (end == object.npos) return {};
    found.emplace_back(parse_json(name, "a key").get<std::string>(), object.substr(at, end - at));
    at = skip_blanks(object, end);
    if (at == object.size() || object[at] != ',') break;
    at = skip_blanks(object, at + 1);
  }
  return found;
}

/// Says what is wrong with the syntax, or that the file has none of the shapes.
[[noreturn]] void fail_shape(std::string_view text, const std::string& where) {
  const auto json = parse_json(text, where);
  fail(where,
       ": expected a JSON array of objects, an object a line, or one object that holds a list of "
       "them",
       json.is_object() ? concat("; found an object with the keys ", listed_keys(json)) : "");
}

/// The rows of a file that is one object.
std::vector<JsonRow> rows_of_object(std::string_view object, const std::string& where,
                                    const std::function<bool(const std::string&)>& is_row_key) {
  std::vector<std::string> lists;
  std::string_view list;
  const auto all = members(object);
  for (const auto& [name, value] : all) {
    if (is_row_key(name)) return {{object}};
    if (!value.starts_with('[')) continue;
    lists.push_back(name);
    list = value;
  }
  if (lists.empty()) fail_shape(object, where);
  require(lists.size() == 1, where, ": the object holds the lists ", listed_names(lists),
          "; expected exactly one list of rows. Put each list into a file of its own");
  std::size_t at = 0;
  auto rows = elements(list, at);
  if (!rows) fail_shape(object, where);
  return *std::move(rows);
}

}  // namespace

std::vector<JsonRow> split_json_rows(std::string_view text, const std::string& where,
                                     const std::function<bool(const std::string&)>& is_row_key) {
  if (has_lines(text)) return lines_of(text);
  std::vector<JsonRow> values;
  for (std::size_t at = skip_blanks(text, 0); at < text.size(); at = skip_blanks(text, at)) {
    const std::size_t begin = at;
    if (text[at] == '[' && values.empty()) {
      auto rows = elements(text, at);
      if (rows && skip_blanks(text, at) == text.size()) return *std::move(rows);
      parse_json(text, where);  // says what is wrong
    }
    at = end_of_value(text, begin);
    if (at == text.npos) parse_json(text.substr(begin), where);
    require(at != text.npos && (text[begin] == '{' || values.empty()), where,
            ": expected a JSON array of objects, an object a line, or one object that holds a list "
            "of them");
    values.push_back({text.substr(begin, at - begin)});
  }
  if (values.size() == 1 && values.front().text.starts_with('{')) {
    return rows_of_object(values.front().text, where, is_row_key);
  }
  return values;
}

bool has_lone_surrogate(std::string_view json) {
  const auto unit = [&](std::size_t at) {  // of an escape that begins at `at`; 0: none
    if (at + 6 > json.size() || json[at] != '\\' || json[at + 1] != 'u') return 0;
    int value = 0;
    for (const char c : json.substr(at + 2, 4)) {
      const auto digit = std::string_view("0123456789abcdef0123456789ABCDEF").find(c);
      if (digit == std::string_view::npos) return 0;
      value = value * 16 + static_cast<int>(digit % 16);
    }
    return value;
  };
  for (auto at = json.find('\\'); at != json.npos; at = json.find('\\', at)) {
    const int first = unit(at);
    const bool high = first >= 0xD800 && first < 0xDC00, low = first >= 0xDC00 && first < 0xE000;
    const int second = high ? unit(at + 6) : 0;
    if (low || (high && (second < 0xDC00 || second >= 0xE000))) return true;
    at += high ? 12 : 2;
  }
  return false;
}

std::string listed_names(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    text += (text.empty() ? "'" : ", '") + printable(names[i], 40) + "'";
  }
  if (names.size() > kMost) text += concat(" and ", names.size() - kMost, " more");
  return text;
}

std::string listed_keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return listed_names(names);
}

}  // namespace gptkit
