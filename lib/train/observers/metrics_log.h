#pragma once
// `metrics.jsonl`: one object a line and step, appended as the run goes, cut back on resume so that
// no step is missing or there twice.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace gptkit {

class MetricsLog {
 public:
  /// Opens the file of a run whose next step is next_step: what it holds of that step and later
  /// ones, and whatever a crash left behind the last whole line before it, is dropped.
  MetricsLog(fs::path path, int64_t next_step);

  /// Appends a line; integers stay integers, numbers that are not finite become null.
  void append(const OrderedJson& row);

  /// Pushes what was appended to the disk. Before a checkpoint is committed: the rows of the steps
  /// that it holds cannot be had again, so they must survive a power cut if it does.
  void sync() const;

  const std::vector<OrderedJson>& rows() const { return rows_; }

 private:
  fs::path path_;
  std::vector<OrderedJson> rows_;
};

}  // namespace gptkit
