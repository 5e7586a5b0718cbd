#include "data/table_reader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A member of an object as text; numbers and booleans as JSON writes them.
std::string member_text(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  require(found != object.end(), "no key '", printable(key, 40), "'");
  if (found->is_string()) return found->get<std::string>();
  require(found->is_number() || found->is_boolean(), "'", printable(key, 40),
          "' is no text, number or boolean");
  return dump_json(*found);
}

std::string key_or(const std::string& set, const char* usual) { return set.empty() ? usual : set; }

std::size_t first_invalid_byte(std::string_view text) {
  std::size_t at = 0;
  for (auto c = decode_utf8(text, at); c.valid; c = decode_utf8(text, at)) at += c.bytes;
  return at;
}

/// What makes text unfit, or nothing.
std::string problem_of_text(std::string_view text, bool require_utf8) {
  if (const auto nul = text.find('\0'); nul != text.npos) {
    return concat("byte ", nul, " of the text is NUL; is the file damaged, or no UTF-8?");
  }
  if (!require_utf8 || is_valid_utf8(text)) return "";
  return concat("byte ", first_invalid_byte(text),
                " of the text is not UTF-8; convert the file, for example with iconv -f latin1 -t "
                "utf8");
}

}  // namespace

TableFormat format_of(const std::filesystem::path& path) {
  const auto extension = path.extension();
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
  const auto begin = source_->rest();
  refuse_lfs_pointer(begin, source_->name());
  require(!begin.starts_with("\xFF\xFE") && !begin.starts_with("\xFE\xFF"), source_->name(),
          ": this is UTF-16, expected UTF-8; convert it with iconv -f utf-16 -t utf-8");
  if (begin.starts_with(kByteOrderMark)) source_->skip(kByteOrderMark.size());
  if (options_.format == TableFormat::kTsv || options_.format == TableFormat::kCsv) {
    delimited_.emplace(*source_, options_.format == TableFormat::kCsv ? ',' : '\t',
                       options_.columns.quotes, options_.max_row_bytes);
  }
}

std::optional<TableEntry> TableReader::next() {
  if (line_ == 0) open();
  auto entry = delimited_                               ? next_delimited()
               : options_.format == TableFormat::kLines ? next_line()
               : options_.format == TableFormat::kJsonl ? next_json_line()
                                                        : next_of_array();
  if (entry) ++rows_;
  return entry;
}

std::string TableReader::place(const TableRow& row) const {
  const auto line = row.line > 0 ? concat(":", row.line) : "";
  return concat(source_->name(), line, ": row ", row.row);
}

TableEntry TableReader::checked(TableEntry entry) const {
  for (const auto* text : {&entry.row.label, &entry.row.text}) {
    if (entry.problem.empty()) entry.problem = problem_of_text(*text, options_.require_utf8);
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
               options_.format == TableFormat::kTsv ? "; columns are separated by tabs" : "");
  } else if (fields.size() > n_field_) {
    entry.problem = concat(fields.size(), " columns where the first row has ", n_field_,
                           "; a delimiter inside a text is put between double quotes");
  } else {
    if (columns_->label) entry.row.label = std::move(record.fields[*columns_->label]);
    entry.row.text = std::move(record.fields[columns_->text]);
    if (columns_->pair) entry.row.text += kPairSeparator + record.fields[*columns_->pair];
  }
}

std::optional<TableEntry> TableReader::next_delimited() {
  auto record = delimited_->next();
  if (record && !columns_ && record->problem.empty()) {
    n_field_ = record->fields.size();
    columns_ = find_columns(record->fields, options_.columns, source_->name());
    if (columns_->header) record = delimited_->next();
  }
  if (!record) return std::nullopt;
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
  if (columns.labelled)
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
  try {
    fill_from(parse_json(*line, "JSON"), entry);
  } catch (const Error& error) {
    entry.problem = error.what();
  }
  return checked(std::move(entry));
}

std::optional<TableEntry> TableReader::next_of_array() {
  if (!array_) {
    std::string text;
    for (auto rest = source_->rest(); !rest.empty(); rest = source_->rest()) {
      text += rest;
      source_->skip(rest.size());
    }
    array_ = parse_json(text, source_->name());
    require(array_->is_array(), source_->name(), ": expected a JSON array of objects");
  }
  if (rows_ == static_cast<std::int64_t>(array_->size())) return std::nullopt;
  TableEntry entry{{.row = rows_, .line = 0}, {}};
  try {
    fill_from((*array_)[static_cast<std::size_t>(rows_)], entry);
  } catch (const Error& error) {
    entry.problem = error.what();
  }
  return checked(std::move(entry));
}

std::vector<TableRow> read_labelled_table(const std::filesystem::path& path,
                                          const TableOptions& options) {
  const auto named = format_of(path);
  TableReader reader(path, {.columns = options,
                            .format = named == TableFormat::kLines ? TableFormat::kTsv : named,
                            .require_utf8 = false});
  std::vector<TableRow> rows;
  while (auto entry = reader.next()) {
    require(entry->problem.empty(), entry->problem);
    rows.push_back(std::move(entry->row));
  }
  require(!rows.empty(), path.string(), ": no rows");
  return rows;
}

}  // namespace gptkit
