#include "data/tables/table_reader.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "data/tables/table_header.h"
#include "data/text_encoding.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::int64_t kLookAhead = 64;  // rows of a pipe, to judge its first one

/// A member of an object as text; numbers and booleans as JSON writes them.
std::string member_text(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  require(found != object.end(), "no key '", printable(key, 40), "'; the row has ",
          object.empty() ? "none" : listed_keys(object));
  if (found->is_string()) return found->get<std::string>();
  require(found->is_number() || found->is_boolean(), "'", printable(key, 40),
          "' is not a string, number or boolean");
  return dump_json(*found);
}

std::string key_or(const std::string& set, const char* usual) { return set.empty() ? usual : set; }

std::size_t first_invalid_byte(std::string_view text) {
  std::size_t at = 0;
  for (auto c = decode_utf8(text, at); c.valid; c = decode_utf8(text, at)) at += c.bytes;
  return at;
}

/// What makes text unfit, or nothing.
std::string problem_of_text(std::string_view text) {
  if (const auto nul = text.find('\0'); nul != text.npos) {
    return concat("byte ", nul, " of the text is NUL; is the file damaged, or no UTF-8?");
  }
  if (is_valid_utf8(text)) return "";
  return concat("byte ", first_invalid_byte(text),
                " of the text is not UTF-8, though most of the file is; correct the row");
}

}  // namespace

TableFormat format_of(const std::filesystem::path& path) {
  auto extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".tsv") return TableFormat::kTsv;
  if (extension == ".csv") return TableFormat::kCsv;
  if (extension == ".jsonl") return TableFormat::kJsonl;
  return extension == ".json" ? TableFormat::kJson : TableFormat::kLines;
}

TableReader::TableReader(const std::filesystem::path& path, const TableReaderOptions& options)
    : options_(options), source_(std::make_unique<ByteSource>(path)) {
  if (options_.format == TableFormat::kAuto) options_.format = format_of(path);
}

TableReader::TableReader(int descriptor, const std::string& name, const TableReaderOptions& options)
    : options_(options), source_(std::make_unique<ByteSource>(descriptor, name)) {
  if (options_.format == TableFormat::kAuto) options_.format = TableFormat::kLines;
}

/// Looks at the beginning of the file, when the first row is asked for: a pipe may have none yet.
void TableReader::open() {
  line_ = 1;
  if (options_.format == TableFormat::kTsv || options_.format == TableFormat::kCsv) {
    delimited_.emplace(*source_, options_.format == TableFormat::kCsv ? ',' : '\t',
                       options_.columns.quotes.value_or(true), options_.max_row_bytes);
  }
  const auto begin = source_->rest();
  refuse_lfs_pointer(begin, source_->name());
  const auto first = std::min(begin.find_first_not_of(" \t\r\n"), begin.size());
  if (options_.format == TableFormat::kJsonl && begin.substr(first).starts_with('[')) {
    options_.format = TableFormat::kJson;
  }
}

std::optional<TableEntry> TableReader::next() {
  if (line_ == 0) open();
  auto entry = delimited_                               ? next_delimited()
               : options_.format == TableFormat::kLines ? next_line()
               : options_.format == TableFormat::kJsonl ? next_json_line()
                                                        : next_of_json();
  if (entry) ++rows_;
  return entry;
}

std::string TableReader::place(const TableRow& row) const {
  const auto line = row.line > 0 ? concat(":", row.line) : "";
  return concat(source_->name(), line, ": row ", row.row);
}

TableEntry TableReader::checked(TableEntry entry) const {
  for (const auto* text : {&entry.row.label, &entry.row.text}) {
    if (entry.problem.empty()) entry.problem = problem_of_text(*text);
  }
  if (!entry.problem.empty()) entry.problem = concat(place(entry.row), ": ", entry.problem);
  return entry;
}

void TableReader::fill_from(DelimitedRecord& record, TableEntry& entry) const {
  const auto& fields = record.fields;
  const auto needed =
      std::max({columns_->label.value_or(0), columns_->pair.value_or(0), columns_->text}) + 1;
  const auto label = columns_->label ? concat("label in column ", *columns_->label, ", ") : "";
  if (fields.size() < needed) {
    entry.problem =
        concat(fields.size(), " column(s), expected at least ", needed, " (", label,
               "text in column ", columns_->text, ")",
               options_.format == TableFormat::kTsv ? "; columns are separated by tabs"
                                                    : "; columns are separated by commas");
  } else if (fields.size() > n_field_) {
    entry.problem = concat(fields.size(), " columns where the first row has ", n_field_,
                           "; a delimiter inside a text is put between double quotes");
  } else {
    if (columns_->label) entry.row.label = std::move(record.fields[*columns_->label]);
    entry.row.text = std::move(record.fields[columns_->text]);
    if (columns_->pair) entry.row.text += kPairSeparator + record.fields[*columns_->pair];
  }
}

std::optional<DelimitedRecord> TableReader::next_record() {
  if (ahead_.empty()) return delimited_->next();
  auto record = std::move(ahead_.front());
  ahead_.pop_front();
  return record;
}

void TableReader::find_columns_of(const std::vector<std::string>& first) {
  n_field_ = first.size();
  if (first.size() == 1 && options_.format == TableFormat::kCsv &&
      first.front().find(';') != std::string::npos) {
    warn_once(concat(source_->name(),
                     ": the first row has one column, with a ';' in it; columns of a "
                     ".csv file are separated by commas"));
  }
  columns_ = find_columns(first, options_.columns, options_.labelled, source_->name());
  if (options_.columns.header != TableHeader::kAuto || columns_->header) return;
  if (!first_row_is_header(first)) return;
  auto with_header = options_.columns;
  with_header.header = TableHeader::kFirstRow;
  columns_ = find_columns(first, with_header, options_.labelled, source_->name());
}

/// Whether the label of the first row, whose names are not the usual ones, is that of no other row.
/// The same rows tell it where labels are not wanted.
bool TableReader::first_row_is_header(const std::vector<std::string>& first) {
  const auto label = columns_->judged;
  if (label == columns_->text || label == columns_->pair ||
      std::max(label, columns_->text) >= first.size()) {
    return false;
  }
  HeaderGuess guess(first[label], first[columns_->text]);
  const auto again = source_->from_the_beginning();
  if (again) {
    DelimitedReader reader(*again, options_.format == TableFormat::kCsv ? ',' : '\t',
                           options_.columns.quotes.value_or(true), options_.max_row_bytes);
    reader.next();
    for (bool more = true; more;) {
      const auto record = reader.next();
      if (!record) break;
      if (label < record->fields.size()) more = guess.add(record->fields[label]);
    }
  } else {
    for (bool more = true; more && std::ssize(ahead_) < kLookAhead;) {
      auto record = delimited_->next();
      if (!record) break;
      if (label < record->fields.size()) more = guess.add(record->fields[label]);
      ahead_.push_back(std::move(*record));
    }
  }
  const auto verdict = guess.verdict();
  if (verdict == HeaderGuess::Verdict::kRow) return false;
  const bool header = verdict == HeaderGuess::Verdict::kHeader;
  warn_once(concat(source_->name(), ": '", printable(first[label], 40),
                   "', the label of the first row, is that of no other; the row is taken for ",
                   header ? "a header. If it is not, set header to none"
                          : "data. If it is a header, set header to first_row"));
  return header;
}

void TableReader::tell_long_rows() {
  if (long_rows_.empty()) return;
  constexpr std::size_t kShown = 5;
  warn_once(concat(source_->name(), ": ", long_rows_.size(),
                   " row(s) have a field between double quotes that spans more than one line: row ",
                   join(long_rows_, ", ", kShown),
                   ". If these quotes are ordinary characters, turn quotes off"));
  long_rows_.clear();
}

std::optional<TableEntry> TableReader::next_delimited() {
  auto record = next_record();
  if (record && !columns_ && record->problem.empty()) {
    find_columns_of(record->fields);
    if (columns_->header) record = next_record();
  }
  if (!record) {
    tell_long_rows();
    return std::nullopt;
  }
  if (record->several_lines && record->problem.empty()) long_rows_.push_back(rows_);
  TableEntry entry{{.row = rows_, .line = record->line}, std::move(record->problem)};
  if (entry.problem.empty()) fill_from(*record, entry);
  return checked(std::move(entry));
}

/// Up to the next line end, without it. Of a line that is too long nothing is kept.
std::optional<std::string> TableReader::take_line(bool& too_long) {
  auto rest = source_->rest();
  if (rest.empty()) return std::nullopt;
  std::string line;
  too_long = false;
  for (bool ended = false; !ended && !rest.empty(); rest = source_->rest()) {
    const auto end = rest.find('\n');
    const auto piece = rest.substr(0, end);
    too_long = too_long || line.size() + piece.size() > options_.max_row_bytes;
    if (!too_long) line += piece;
    ended = end != rest.npos;
    source_->skip(piece.size() + (ended ? 1 : 0));
    if (ended) break;
  }
  if (too_long) line.clear();
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::optional<TableEntry> TableReader::next_line() {
  bool too_long = false;
  auto line = take_line(too_long);
  if (!line) return std::nullopt;
  TableEntry entry{{.row = rows_, .line = line_++}, {}};
  if (too_long)
    entry.problem = concat("the line is longer than ", options_.max_row_bytes, " bytes");
  entry.row.text = std::move(*line);
  return checked(std::move(entry));
}

void TableReader::fill_from(const Json& object, TableEntry& entry) const {
  require(object.is_object(), "no JSON object");
  const auto& columns = options_.columns;
  if (options_.labelled)
    entry.row.label = member_text(object, key_or(columns.label_column, "label"));
  entry.row.text = member_text(object, key_or(columns.text_column, "text"));
  if (columns.pair_column.empty()) return;
  entry.row.text += kPairSeparator + member_text(object, columns.pair_column);
}

std::optional<TableEntry> TableReader::next_json_line() {
  bool too_long = false;
  auto line = take_line(too_long);
  for (; line && !too_long && line->find_first_not_of(" \t\r") == line->npos; ++line_) {
    line = take_line(too_long);
  }
  if (!line) return std::nullopt;
  TableEntry entry{{.row = rows_, .line = line_++}, {}};
  if (too_long) {
    entry.problem = concat("the line is longer than ", options_.max_row_bytes, " bytes");
    return checked(std::move(entry));
  }
  fill_from_json(*line, entry);
  return checked(std::move(entry));
}

void TableReader::fill_from_json(std::string_view json, TableEntry& entry) const {
  entry.half_character = has_lone_surrogate(json);
  if (entry.half_character) {
    entry.problem = "half of a UTF-16 pair (\\ud800 to \\udfff) is not a character";
    return;
  }
  try {
    fill_from(parse_json(json, "JSON"), entry);
  } catch (const Error& error) {
    entry.problem = error.what();
  }
}

std::optional<TableEntry> TableReader::next_of_json() {
  if (!json_rows_) {
    for (auto rest = source_->rest(); !rest.empty(); rest = source_->rest()) {
      json_ += rest;
      source_->skip(rest.size());
    }
    const auto& columns = options_.columns;
    json_rows_ = split_json_rows(json_, source_->name(), [&](const std::string& key) {
      return key == key_or(columns.text_column, "text") ||
             key == key_or(columns.label_column, "label") || key == columns.pair_column;
    });
  }
  if (rows_ == std::ssize(*json_rows_)) return std::nullopt;
  const auto& [json, line] = (*json_rows_)[static_cast<std::size_t>(rows_)];
  TableEntry entry{{.row = rows_, .line = line}, {}};
  fill_from_json(json, entry);
  return checked(std::move(entry));
}

std::vector<TableRow> read_labelled_table(const std::filesystem::path& path,
                                          const TableColumns& columns) {
  const auto named = format_of(path);
  TableReader reader(path, {.columns = columns,
                            .format = named == TableFormat::kLines ? TableFormat::kTsv : named});
  std::vector<TableRow> rows;
  std::int64_t broken = 0;
  std::string first_broken;
  while (auto entry = reader.next()) {
    if (entry->half_character) {
      if (++broken == 1) first_broken = entry->problem;
      continue;
    }
    require(entry->problem.empty(), entry->problem);
    rows.push_back(std::move(entry->row));
  }
  if (broken > 0) {
    log_warning(first_broken, "; ",
                broken == 1 ? "the row is" : concat(broken, " rows like it are"), " left out");
  }
  require(!rows.empty(), path.string(), ": no rows");
  return rows;
}

}  // namespace gptkit
