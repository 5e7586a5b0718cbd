#include "data/tables/table.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "data/tables/json_rows.h"
#include "data/tables/table_header.h"

namespace gptkit {

DelimitedReader::DelimitedReader(ByteSource& source, char delimiter, bool quotes,
                                 std::size_t max_bytes)
    : source_(source), delimiter_(delimiter), quotes_(quotes), max_bytes_(max_bytes) {}

char DelimitedReader::take() {
  const char c = peek();
  source_.skip(1);
  ++bytes_;
  return c;
}

bool DelimitedReader::at_line_end() { return peek() == '\n' || peek() == '\r'; }

/// Past "\n", "\r" or "\r\n".
void DelimitedReader::take_line_end() {
  if (take() == '\r' && !at_end() && peek() == '\n') take();
  ++line_;
}

void DelimitedReader::skip_line() {
  for (auto rest = source_.rest(); !rest.empty(); rest = source_.rest()) {
    const auto end = rest.find_first_of("\r\n");
    source_.skip(std::min(end, rest.size()));
    if (end != rest.npos) return take_line_end();
  }
}

/// From the opening quote to behind the closing one; false when there is none within max_bytes_.
bool DelimitedReader::read_quoted(DelimitedRecord& record, std::string& field) {
  broken_line_ = line_;
  for (take(); !at_end() && bytes_ <= max_bytes_;) {
    const char c = take();
    if (c == '"') {
      if (at_end() || peek() != '"') return true;
      take();
    } else if (c == '\n') {
      ++line_;
    }
    field += c;
  }
  record.problem = concat("the double quote that opens a field in line ", broken_line_,
                          " is never closed; close it, or turn quotes off when they are ordinary"
                          " characters");
  return false;
}

void DelimitedReader::read_field(DelimitedRecord& record) {
  std::string field;
  if (quotes_ && !at_end() && peek() == '"' && !read_quoted(record, field)) return;
  while (!at_end() && peek() != delimiter_ && !at_line_end()) {
    field += take();
    if (bytes_ <= max_bytes_) continue;
    broken_line_ = line_;
    record.problem = concat("the row is longer than ", max_bytes_, " bytes");
    return;
  }
  record.fields.push_back(std::move(field));
}

DelimitedRecord DelimitedReader::read_record() {
  DelimitedRecord record{.line = line_};
  bytes_ = 0;
  source_.mark();
  for (;;) {
    read_field(record);
    if (!record.problem.empty()) {
      source_.rewind();
      source_.unmark();
      for (line_ = record.line; line_ <= broken_line_ && !at_end();) skip_line();
      return record;
    }
    if (at_end() || at_line_end()) break;
    take();  // the delimiter
  }
  source_.unmark();
  record.several_lines = line_ > record.line;
  if (!at_end()) take_line_end();
  return record;
}

std::optional<DelimitedRecord> DelimitedReader::next() {
  while (!at_end()) {
    const bool quoted = peek() == '"';
    auto record = read_record();
    const bool blank = record.problem.empty() && record.fields.size() == 1 && !quoted &&
                       record.fields.front().find_first_not_of(" \t") == std::string::npos;
    if (!blank) return record;
  }
  return std::nullopt;
}

std::vector<DelimitedRecord> parse_delimited(std::string_view text, char delimiter, bool quotes,
                                             const std::string& where) {
  ByteSource source(text);
  DelimitedReader reader(source, delimiter, quotes);
  std::vector<DelimitedRecord> records;
  while (auto record = reader.next()) {
    require(record->problem.empty(), where, ":", record->line, ": ", record->problem);
    records.push_back(std::move(*record));
  }
  return records;
}

namespace {

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

bool is_name(const std::string& column) { return !column.empty() && !as_index(column); }

}  // namespace

ColumnPlaces find_columns(const std::vector<std::string>& first, const TableColumns& settings,
                          bool labelled, const std::string& where) {
  const bool by_name = is_name(settings.text_column) || is_name(settings.label_column) ||
                       is_name(settings.pair_column);
  ColumnPlaces columns;
  columns.header = settings.header == TableHeader::kFirstRow ||
                   (settings.header == TableHeader::kAuto &&
                    (by_name || (settings.text_column.empty() && settings.label_column.empty() &&
                                 has_usual_header(first))));
  require(columns.header || !by_name, where, ": columns '", settings.label_column, "' and '",
          settings.text_column,
          "' are names but the table is read without a header row; number "
          "them from 0 or set header: first_row");
  const auto locate = [&](const std::string& wanted, const char* usual_name, std::size_t fallback) {
    if (wanted.empty()) {
      return columns.header ? find_name(first, usual_name, true).value_or(fallback) : fallback;
    }
    auto found = columns.header ? find_name(first, wanted, false) : std::nullopt;
    require(!found || std::count(first.begin(), first.end(), wanted) == 1, where,
            ": more than one column is called '", printable(wanted, 40),
            "'; number the columns from 0");
    if (!found) found = as_index(wanted);
    require(found.has_value(), where, ": no column '", wanted, "'; the header row has ",
            listed_names(first));
    return *found;
  };
  const bool only_column = !labelled && first.size() == 1;
  // Of two columns the text is the one that is not called "label".
  const bool label_is_second = columns.header && settings.label_column.empty() &&
                               find_name(first, "label", true) == std::size_t{1};
  columns.text = locate(settings.text_column, "text", only_column || label_is_second ? 0 : 1);
  if (!settings.pair_column.empty()) {
    columns.pair = locate(settings.pair_column, "", 0);
    require(columns.pair != columns.text, where, ": the text and its pair are both column ",
            columns.text, "; set text_column and pair_column");
  }
  if (!labelled) {
    columns.judged = as_index(settings.label_column).value_or(0);
    return columns;
  }
  columns.label =
      locate(settings.label_column, "label", columns.text == 0 && columns.header ? 1 : 0);
  require(columns.label != columns.text, where, ": the label and the text are both column ",
          columns.text, "; set text_column and label_column");
  require(columns.label != columns.pair, where, ": the label and the pair are both column ",
          *columns.label, "; set label_column and pair_column");
  columns.judged = *columns.label;
  return columns;
}

}  // namespace gptkit
