#pragma once
// One step of training: forward and backward over the micro batches, guard, clipping, update.

#include <torch/types.h>

#include "data/batch.h"
#include "train/config.h"
#include "train/guard.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/training_task.h"

namespace gptkit {

class TrainStep {
 public:
  /// Both are referred to, not copied.
  TrainStep(TrainingTask& task, const TrainConfig& config);

  /// Updates the weights once and gives what it measured: loss, lr, grad_norm, tokens_per_second.
  /// A loss or gradient that is not finite and a loss beyond the recent ones (spike_limit) are
  /// errors (kRuntime) that name step, examples and layer; the weights then stay as they are.
  Metrics run(const Batch& batch, const StepPlace& place, double lr, const RecentLosses& recent);

  AdamW& optimizer() { return optimizer_; }

 private:
  double accumulate_gradients(const Batch& batch, const StepPlace& place);
  double micro_batch(const Batch& micro, double share, const StepPlace& place);
  void check_spike(double loss, const StepPlace& place, const RecentLosses& recent) const;
  double clip(const StepPlace& place) const;

  TrainingTask& task_;
  const TrainConfig& config_;
  AdamW optimizer_;
};

}  // namespace gptkit
