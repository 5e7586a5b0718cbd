#pragma once
// Tables of text: CSV and TSV by the rules of pandas.read_csv (a field that begins with a double
// quote runs to the closing one, over delimiters and line ends; two quotes inside are one; blank
// lines are passed over), and JSONL or a JSON array of flat objects.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/byte_source.h"

namespace gptkit {

enum class TableHeader { kAuto, kNone, kFirstRow };

constexpr auto enum_names(TableHeader) {
  return std::array<std::pair<std::string_view, TableHeader>, 5>{{
      {"auto", TableHeader::kAuto},
      {"none", TableHeader::kNone},
      {"first_row", TableHeader::kFirstRow},
      {"false", TableHeader::kNone},
      {"true", TableHeader::kFirstRow},
  }};
}

/// The separator between the two texts of a row.
inline constexpr char kPairSeparator = '\n';

/// The settings of a table's columns, wherever a labelled table is read. A column is a name, or a
/// 0-based number when no header row is read. Empty names: the columns "text" and "label" where the
/// file has them (in any case), else the label first and the text second, as in SMSSpamCollection;
/// a table of one column is texts.
struct TableColumns {
  std::string text_column = {}, label_column = {};
  std::string pair_column = {};  // a second text, read behind the first and a line break; or none
  // auto: a header when a column is named, not numbered; or by what is in it (table_header.h)
  TableHeader header = TableHeader::kAuto;
  std::optional<bool> quotes = true;  // optional, so that programs have --no-quotes, too
};

template <class Visitor>
void visit_fields(TableColumns& c, Visitor&& visit) {
  visit("text_column", c.text_column,
        "name or number; empty: text, else the second column, or the only one");
  visit("label_column", c.label_column, "name or number; empty: label, else the first column");
  visit("pair_column", c.pair_column, "a second text, appended to the first; empty: none");
  visit("header", c.header,
        "auto, none (false) or first_row (true); auto finds one by its names or its label");
  visit("quotes", c.quotes, "double quotes enclose fields, as in CSV");
}

struct TableRow {
  std::string label = {}, text = {};
  std::int64_t row = 0;   // 0-based among the data rows: pandas' index
  std::int64_t line = 0;  // where it begins in the file, from 1
};

/// Reads the labelled texts of a .csv, .jsonl or .json file; any other name is tab-separated. Fails
/// naming file, line and row for a missing column, more fields than the first row has, a quote that
/// never closes, NUL bytes, damaged UTF-8, no rows. Keeps every row but those with half of a
/// UTF-16 pair, which a warning counts: see table_reader.h for one at a time.
std::vector<TableRow> read_labelled_table(const std::filesystem::path& path,
                                          const TableColumns& columns);

/// A row of delimited text. One that could not be read has a problem instead of fields.
struct DelimitedRecord {
  std::vector<std::string> fields = {};
  std::int64_t line = 0;  // where it begins, from 1
  std::string problem = {};
  bool several_lines = false;  // a field between quotes goes on in the next line
};

/// The state machine of pandas' C parser, for one delimiter and double quotes, a record at a time.
class DelimitedReader {
 public:
  /// A record longer than max_bytes is a problem, and so is a quote that is not closed within them:
  /// the lines behind the one that opens it are read as records of their own. The source outlives
  /// this object.
  DelimitedReader(ByteSource& source, char delimiter, bool quotes,
                  std::size_t max_bytes = std::numeric_limits<std::size_t>::max());

  /// The next record that is not blank; nothing at the end.
  std::optional<DelimitedRecord> next();

 private:
  ByteSource& source_;
  char delimiter_;
  bool quotes_;
  std::size_t max_bytes_, bytes_ = 0;        // bytes_: of this record
  std::int64_t line_ = 1, broken_line_ = 0;  // broken_line_: where what is wrong begins

  bool at_end() { return source_.rest().empty(); }
  char peek() { return source_.rest().front(); }
  char take();
  bool at_line_end();
  void take_line_end();
  void skip_line();
  void read_field(DelimitedRecord& record);
  bool read_quoted(DelimitedRecord& record, std::string& field);
  DelimitedRecord read_record();
};

/// Splits delimited text into records of fields. Fails where a record has a problem; `where` opens
/// the message.
std::vector<DelimitedRecord> parse_delimited(std::string_view text, char delimiter, bool quotes,
                                             const std::string& where);

/// Which columns hold the label and the text, and whether the first record is a header.
struct ColumnPlaces {
  std::optional<std::size_t> label = {};  // nothing when texts alone are wanted
  std::size_t text = 1;
  std::optional<std::size_t> pair = {};
  std::size_t judged = 0;  // whose values tell a header: the label, or where it would be
  bool header = false;
};

/// Looks the columns up in a table's first record. `labelled` false: the texts alone; a label need
/// not be there. Fails, with `where` before, for a column that is not there.
ColumnPlaces find_columns(const std::vector<std::string>& first, const TableColumns& settings,
                          bool labelled, const std::string& where);

}  // namespace gptkit
