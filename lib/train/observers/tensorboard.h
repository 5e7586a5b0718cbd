#pragma once
// The rows of metrics.jsonl for TensorBoard.

#include <filesystem>
#include <optional>

#include "train/observers/event_file.h"
#include "train/observers/metrics_file.h"

namespace gptkit {

/// Must follow the MetricsFile whose rows it copies.
class TensorBoard : public TrainObserver {
 public:
  TensorBoard(const std::filesystem::path& run, const MetricsFile& metrics)
      : run_(run), metrics_(metrics) {}

  void begin(const RunStart& start) override {
    events_.emplace(run_, metrics_.rows(), start.seconds);
  }
  void stepped(const RunProgress& /*run*/) override { events_->append(metrics_.rows().back()); }

 private:
  std::filesystem::path run_;
  const MetricsFile& metrics_;
  std::optional<EventFile> events_;
};

}  // namespace gptkit
