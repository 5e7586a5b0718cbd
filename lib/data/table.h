#pragma once
// Tables of text: CSV and TSV by the rules of pandas.read_csv (a field that begins with a double
// quote runs to the closing one, over delimiters and line ends; two quotes inside are one; blank
// lines are passed over), and JSONL or a JSON array of flat objects.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptkit {

enum class TableHeader { kAuto, kNone, kFirstRow };

constexpr auto enum_names(TableHeader) {
  return std::array<std::pair<std::string_view, TableHeader>, 3>{{
      {"auto", TableHeader::kAuto},
      {"none", TableHeader::kNone},
      {"first_row", TableHeader::kFirstRow},
  }};
}

/// How to read a table's two columns. A column is a name, or a 0-based number when no header row is
/// read. Empty names: the columns "text" and "label" where the file has them (in any case), else
/// the label first and the text second, as in SMSSpamCollection.
struct TableOptions {
  std::string text_column = {}, label_column = {};
  TableHeader header = TableHeader::kAuto;  // auto: a header when a column is named, not numbered
  bool quotes = true;                       // false: a double quote is a character like any other
};

struct TableRow {
  std::string label, text;
  std::int64_t row = 0;   // 0-based among the data rows: pandas' index
  std::int64_t line = 0;  // where it begins in the file, from 1
};

/// Reads the labelled texts of a .csv, .jsonl or .json file; any other name is tab-separated. Fails
/// naming file, line and row for a missing column, a quote that never closes, NUL bytes, no rows.
std::vector<TableRow> read_labelled_table(const std::filesystem::path& path,
                                          const TableOptions& options);

/// Splits delimited text into records of fields; the line of each record beside it. `where` opens
/// error messages.
struct DelimitedRecord {
  std::vector<std::string> fields;
  std::int64_t line = 0;
};
std::vector<DelimitedRecord> parse_delimited(std::string_view text, char delimiter, bool quotes,
                                             const std::string& where);

}  // namespace gptkit
