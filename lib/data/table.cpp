#include "data/table.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace gptkit {

namespace {

/// The state machine of pandas' C parser, for one delimiter and double quotes.
class DelimitedParser {
 public:
  DelimitedParser(std::string_view text, char delimiter, bool quotes, const std::string& where)
      : text_(text), where_(where), delimiter_(delimiter), quotes_(quotes) {}

  std::vector<DelimitedRecord> parse() {
    while (at_ < text_.size()) {
      if (!skip_blank_line()) records_.push_back(record());
    }
    return std::move(records_);
  }

 private:
  std::string_view text_;
  const std::string& where_;
  char delimiter_;
  bool quotes_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
  std::vector<DelimitedRecord> records_;

  bool at_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }

  /// Past "\n", "\r" or "\r\n".
  void take_line_end() {
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++line_;
  }

  /// Passes over a line that holds nothing but blanks.
  bool skip_blank_line() {
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != delimiter_ &&
           (text_[end] == ' ' || text_[end] == '\t')) {
      ++end;
    }
    if (end < text_.size() && text_[end] != '\n' && text_[end] != '\r') return false;
    at_ = end;
    if (at_ < text_.size()) take_line_end();
    return true;
  }

  DelimitedRecord record() {
    DelimitedRecord record{{}, line_};
    for (;;) {
      record.fields.push_back(field());
      if (at_ == text_.size()) return record;
      if (at_line_end()) {
        take_line_end();
        return record;
      }
      ++at_;  // the delimiter
    }
  }

  std::string field() {
    std::string field;
    if (quotes_ && at_ < text_.size() && text_[at_] == '"') read_quoted(field);
    while (at_ < text_.size() && text_[at_] != delimiter_ && !at_line_end()) field += text_[at_++];
    return field;
  }

  /// From the opening quote to behind the closing one.
  void read_quoted(std::string& field) {
    const auto opened = line_;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        if (at_ == text_.size() || text_[at_] != '"') return;
      } else if (text_[at_] == '\n') {
        ++line_;
      }
      field += text_[at_];
    }
    fail(where_, ":", opened,
         ": the double quote that opens a field here is never closed; close it,"
         " or turn quotes off when they are ordinary characters");
  }
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::optional<std::size_t> as_index(const std::string& column) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), index);
  if (error != std::errc() || end != column.data() + column.size()) return std::nullopt;
  return index;
}

std::optional<std::size_t> find_name(const std::vector<std::string>& names,
                                     const std::string& wanted, bool any_case) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == wanted || (any_case && lower(names[i]) == wanted)) return i;
  }
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

/// Which columns hold the label and the text, and whether the first record is a header.
struct Columns {
  std::size_t label = 0, text = 1;
  bool header = false;
};

Columns find_columns(const std::vector<std::string>& first, const TableOptions& options,
                     const std::string& where) {
  const bool by_name = (!options.text_column.empty() && !as_index(options.text_column)) ||
                       (!options.label_column.empty() && !as_index(options.label_column));
  const bool usual = options.text_column.empty() && options.label_column.empty() &&
                     find_name(first, "text", true) && find_name(first, "label", true);
  Columns columns;
  columns.header = options.header == TableHeader::kFirstRow ||
                   (options.header == TableHeader::kAuto && (by_name || usual));
  require(columns.header || !by_name, where, ": columns '", options.label_column, "' and '",
          options.text_column,
          "' are names but the table is read without a header row; number "
          "them from 0 or set header: first_row");
  const auto locate = [&](const std::string& wanted, const char* usual_name, std::size_t fallback) {
    if (wanted.empty()) {
      return columns.header ? find_name(first, usual_name, true).value_or(fallback) : fallback;
    }
    auto found = columns.header ? find_name(first, wanted, false) : std::nullopt;
    if (!found) found = as_index(wanted);
    require(found.has_value(), where, ": no column '", wanted, "'; the header row has ",
            joined(first));
    return *found;
  };
  columns.label = locate(options.label_column, "label", 0);
  columns.text = locate(options.text_column, "text", 1);
  require(columns.label != columns.text, where, ": the label and the text are both column ",
          columns.text, "; set text_column and label_column");
  return columns;
}

std::vector<TableRow> read_delimited(std::string_view text, char delimiter,
                                     const TableOptions& options, const std::string& where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  auto records = parse_delimited(text, delimiter, options.quotes, where);
  require(!records.empty(), where, ": no rows");
  const auto columns = find_columns(records.front().fields, options, where);
  const std::size_t needed = std::max(columns.label, columns.text) + 1;
  std::vector<TableRow> rows;
  for (std::size_t i = columns.header ? 1 : 0; i < records.size(); ++i) {
    auto& fields = records[i].fields;
    const auto row = std::ssize(rows);
    require(fields.size() >= needed, where, ":", records[i].line, ": row ", row, " has ",
            fields.size(), " column(s), expected at least ", needed, " (label in column ",
            columns.label, ", text in column ", columns.text, ")",
            delimiter == '\t' ? "; columns are separated by tabs" : "");
    rows.push_back(
        {std::move(fields[columns.label]), std::move(fields[columns.text]), row, records[i].line});
  }
  return rows;
}

/// A member of an object as text; numbers and booleans as JSON writes them.
std::string member_text(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  require(found != object.end(), where, ": no key '", key, "'");
  if (found->is_string()) return found->get<std::string>();
  require(found->is_number() || found->is_boolean(), where, ": '", key,
          "' is no text, number or boolean");
  return dump_json(*found);
}

TableRow json_row(const Json& object, const TableOptions& options, std::int64_t row,
                  std::int64_t line, const std::string& where) {
  require(object.is_object(), where, ": row ", row, " is no JSON object");
  const auto name = [](const std::string& set, const char* usual) {
    return set.empty() ? usual : set;
  };
  return {member_text(object, name(options.label_column, "label"), where),
          member_text(object, name(options.text_column, "text"), where), row, line};
}

std::vector<TableRow> read_json_lines(std::string_view text, const TableOptions& options,
                                      const std::string& path) {
  std::vector<TableRow> rows;
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.find_first_not_of(" \t\r") == one.npos) continue;
    const auto where = concat(path, ":", line);
    rows.push_back(json_row(parse_json(one, where), options, std::ssize(rows), line, where));
  }
  return rows;
}

std::vector<TableRow> read_json_array(std::string_view text, const TableOptions& options,
                                      const std::string& path) {
  const auto array = parse_json(text, path);
  require(array.is_array(), path, ": expected a JSON array of objects");
  std::vector<TableRow> rows;
  for (const auto& object : array) {
    const auto row = std::ssize(rows);
    rows.push_back(json_row(object, options, row, 0, concat(path, ": row ", row)));
  }
  return rows;
}

}  // namespace

std::vector<DelimitedRecord> parse_delimited(std::string_view text, char delimiter, bool quotes,
                                             const std::string& where) {
  return DelimitedParser(text, delimiter, quotes, where).parse();
}

std::vector<TableRow> read_labelled_table(const fs::path& path, const TableOptions& options) {
  const MappedFile file(path);
  const auto text = file.text();
  const auto nul = text.find('\0');
  require(nul == text.npos, path.string(), ": byte ", nul,
          " is NUL, so this is no UTF-8 text; export the table as CSV or TSV in UTF-8");
  const auto extension = path.extension();
  auto rows = extension == ".jsonl" ? read_json_lines(text, options, path.string())
              : extension == ".json"
                  ? read_json_array(text, options, path.string())
                  : read_delimited(text, extension == ".csv" ? ',' : '\t', options, path.string());
  require(!rows.empty(), path.string(), ": no rows");
  return rows;
}

}  // namespace gptkit
