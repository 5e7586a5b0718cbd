#pragma once
// The rows of a table, or the lines of a text, one at a time and in order, in the memory of one
// row. A row that cannot be read is told as such and does not end the reading: its reader decides.
// Training, classifying, evaluating and examples all read tables here: what is a row, a header and
// a text is the same for them. Warns of an encoding other than UTF-8, of a first row that is taken
// for a header though it has other names than usual, and of fields over several lines.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "data/byte_source.h"
#include "data/tables/json_rows.h"
#include "data/tables/table.h"

namespace gptkit {

enum class TableFormat { kAuto, kLines, kTsv, kCsv, kJsonl, kJson };

constexpr auto enum_names(TableFormat) {
  return std::array<std::pair<std::string_view, TableFormat>, 6>{{
      {"auto", TableFormat::kAuto},    // by the file's name; lines unless it ends as one below
      {"lines", TableFormat::kLines},  // a text each, blank ones too
      {"tsv", TableFormat::kTsv},
      {"csv", TableFormat::kCsv},
      {"jsonl", TableFormat::kJsonl},
      {"json", TableFormat::kJson},  // any shape of json_rows.h: read whole
  }};
}

/// The format that a file's name tells.
TableFormat format_of(const std::filesystem::path& path);

struct TableReaderOptions {
  TableColumns columns = {};
  bool labelled = true;  // false: the texts alone; a label need not be there
  TableFormat format = TableFormat::kAuto;
  std::size_t max_row_bytes = std::size_t{16} << 20;
};

/// A row, or in its place what is wrong with it: one line that begins with file and line. `row` has
/// its numbers either way.
struct TableEntry {
  TableRow row = {};
  std::string problem = {};
  bool half_character = false;  // the problem is half of a UTF-16 pair in a JSON text
};

class TableReader {
 public:
  /// Fails for a file that is not there. The first row is read by next().
  TableReader(const std::filesystem::path& path, const TableReaderOptions& options);
  /// From an open descriptor (standard input); kAuto is kLines.
  TableReader(int descriptor, const std::string& name, const TableReaderOptions& options);

  /// The next row; nothing at the end. Fails for what makes the whole table unreadable: a column
  /// that is not there, a JSON document that has no rows. A row is a problem when it has too few
  /// fields, or more than the first; a key is missing; it is no JSON object; it has a NUL, damaged
  /// UTF-8 or half of a UTF-16 pair; it is longer than max_row_bytes.
  std::optional<TableEntry> next();

  bool row_is_ready() const { return !ahead_.empty() || source_->line_is_ready(); }
  std::int64_t rows() const { return rows_; }  ///< so far, with those that have a problem
  const ByteSource& source() const { return *source_; }
  TableFormat format() const { return options_.format; }  ///< never kAuto
  /// "messages.tsv:7: row 6": how messages name a row.
  std::string place(const TableRow& row) const;

 private:
  TableReaderOptions options_;
  std::unique_ptr<ByteSource> source_;
  std::optional<DelimitedReader> delimited_;
  std::optional<ColumnPlaces> columns_;
  std::deque<DelimitedRecord> ahead_;  // of a pipe: read to judge the first one
  std::string json_;
  std::optional<std::vector<JsonRow>> json_rows_;  // of json_
  std::size_t n_field_ = 0;
  std::int64_t rows_ = 0, line_ = 0;
  std::vector<std::int64_t> long_rows_;  // whose fields go over several lines

  void open();
  std::optional<DelimitedRecord> next_record();
  void find_columns_of(const std::vector<std::string>& first);
  bool first_row_is_header(const std::vector<std::string>& first);
  void tell_long_rows();
  std::optional<TableEntry> next_delimited();
  std::optional<TableEntry> next_line();
  std::optional<TableEntry> next_json_line();
  std::optional<TableEntry> next_of_json();
  void fill_from_json(std::string_view json, TableEntry& entry) const;
  std::optional<std::string> take_line(bool& too_long);
  void fill_from(DelimitedRecord& record, TableEntry& entry) const;
  void fill_from(const Json& object, TableEntry& entry) const;
  TableEntry checked(TableEntry entry) const;
};

}  // namespace gptkit
