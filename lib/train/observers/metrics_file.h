#pragma once
// metrics.jsonl: a row at the end of each step.

#include <filesystem>
#include <optional>

#include "train/observers/metrics_log.h"
#include "train/observers/observer.h"

namespace gptkit {

class MetricsFile : public TrainObserver {
 public:
  explicit MetricsFile(const std::filesystem::path& run) : path_(run / "metrics.jsonl") {}

  void begin(const RunStart& start) override { log_.emplace(path_, start.next_step); }
  void stepped(const RunProgress& run) override;
  void before_checkpoint() override { log_->sync(); }

  /// All rows of the run so far; none before it begins.
  const std::vector<OrderedJson>& rows() const;

 private:
  std::filesystem::path path_;
  std::optional<MetricsLog> log_;
};

}  // namespace gptkit
