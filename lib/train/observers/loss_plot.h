#pragma once
// loss.svg, redrawn after each evaluation and every half minute.

#include <chrono>
#include <filesystem>
#include <string>

#include "train/observers/metrics_file.h"

namespace gptkit {

/// Must follow the MetricsFile whose rows it draws.
class LossPlot : public TrainObserver {
 public:
  LossPlot(const std::filesystem::path& run, std::string title, const MetricsFile& metrics)
      : path_(run / "loss.svg"), title_(std::move(title)), metrics_(metrics) {}

  void stepped(const RunProgress& run) override;
  void ended(const RunProgress& /*run*/) override { draw(); }

 private:
  using Clock = std::chrono::steady_clock;
  void draw();

  std::filesystem::path path_;
  std::string title_;
  const MetricsFile& metrics_;
  Clock::time_point drawn_ = Clock::now();
  bool failed_ = false;
};

}  // namespace gptkit
