#pragma once
// The rows of an input in chunks that fit the memory, with progress; those that cannot be read are
// named and passed over, or end the reading.

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
  int64_t chunk_rows = 256;   // at most; fewer where texts are long or a person is typing
  std::string activity = {};  // "classifying": shows progress through a file; empty: does not
};

class RowStream {
 public:
  RowStream(TableReader reader, const RowStreamOptions& options);

  /// The next rows, at least one; empty at the end. With `strict` the rows before a bad one are
  /// given first, then the next call fails.
  std::vector<TableRow> next();
  /// Reports a row as one that cannot be read: for what only the caller sees.
  void skip(std::string_view problem);
  bool failed() const { return !error_.empty(); }  ///< the next call will tell why
  /// Says how many rows were skipped. Fails for a table without rows, and when none could be read.
  void finish();

  int64_t skipped() const { return skipped_; }
  std::string place(const TableRow& row) const { return reader_.place(row); }

 private:
  TableReader reader_;
  RowStreamOptions options_;
  std::optional<Progress> progress_;
  std::string error_;  // to fail with, once the rows before it are done
  int64_t skipped_ = 0;

  void show_progress();
};

}  // namespace gptkit
