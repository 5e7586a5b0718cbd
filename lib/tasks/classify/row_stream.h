#pragma once
// Reads the rows of an input in chunks that fit into memory, with progress. Rows that cannot be
// read are named and skipped, or end the reading.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "data/tables/table_reader.h"

namespace gptkit {

struct RowStreamOptions {
  bool strict = false;        // a row that cannot be read is an error
  int64_t chunk_rows = 256;   // at most; fewer if texts are long or the input is typed
  std::string activity = {};  // "classifying": label of the progress bar; empty: no progress
};

class RowStream {
 public:
  RowStream(TableReader reader, const RowStreamOptions& options);

  /// The next rows, at least one; empty at the end. With `strict` the rows before a bad one are
  /// given first, then the next call fails.
  std::vector<TableRow> next();
  /// Reports a row that cannot be used, for problems that only the caller detects.
  void skip(std::string_view problem);
  bool failed() const { return !error_.empty(); }  ///< the next call reports the error
  /// Logs the number of skipped rows. Fails if a table has no rows, or if none could be read.
  void finish();

  int64_t skipped() const { return skipped_; }
  std::string place(const TableRow& row) const { return reader_.place(row); }

 private:
  TableReader reader_;
  RowStreamOptions options_;
  std::optional<Progress> progress_;
  std::string error_;  // reported after the rows before it
  int64_t skipped_ = 0;

  void show_progress();
};

}  // namespace gptkit
