#pragma once
// `metrics.jsonl`: one object per step and line, appended during the run, and truncated on resume
// so that no step is missing or duplicated.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace gptkit {

class MetricsLog {
 public:
  /// Opens the file of a run whose next step is next_step. Drops the rows of that step and later
  /// ones, and anything that a crash left after the last complete line before it.
  MetricsLog(fs::path path, int64_t next_step);

  /// Appends a line; integers stay integers, numbers that are not finite become null.
  void append(const OrderedJson& row);

  /// Syncs the appended rows to the disk. Called before a checkpoint is committed: the rows of its
  /// steps cannot be produced again, so they must survive a power cut if the checkpoint does.
  void sync() const;

  const std::vector<OrderedJson>& rows() const { return rows_; }

 private:
  fs::path path_;
  std::vector<OrderedJson> rows_;
};

}  // namespace gptkit
