#pragma once
// `metrics.jsonl`: one object a line and step, appended as the run goes, cut back on resume so that
// no step is missing or there twice.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace gptkit {

/// Names and values in the order in which they are written.
using Metrics = std::vector<std::pair<std::string, double>>;

class MetricsLog {
 public:
  /// Opens the file of a run whose next step is next_step: what it holds of that step and later
  /// ones, and a last line cut short by a crash, is dropped.
  MetricsLog(fs::path path, int64_t next_step);

  /// Appends a line; integers stay integers, numbers that are not finite become null.
  void append(const OrderedJson& row);

  const std::vector<OrderedJson>& rows() const { return rows_; }

 private:
  fs::path path_;
  std::vector<OrderedJson> rows_;
};

}  // namespace gptkit
