#pragma once
// One step of training: forward and backward over the micro batches, guard, clipping, update.

#include <torch/types.h>

#include "data/batch.h"
#include "distributed/gradient_sum.h"
#include "distributed/world.h"
#include "train/config.h"
#include "train/guard.h"
#include "train/loss_scale.h"
#include "train/metrics.h"
#include "train/objective.h"
#include "train/optimizer.h"

namespace gptkit {

/// Several ranks share the rows of a batch; each gets the same weights and metrics.
class TrainStep {
 public:
  /// Keeps references to all arguments. Fails if this model does not support
  /// train.activation_checkpointing.
  TrainStep(Objective& objective, const TrainConfig& config, World& world);

  /// Updates the weights once and returns the metrics loss, lr, grad_norm and tokens_per_second.
  /// The batch is that of all ranks. A loss or gradient that is not finite and a loss beyond the
  /// recent ones (spike_limit) are errors (kRuntime) that name step, examples and layer; the
  /// weights then stay as they are. In float16 an overflow of a gradient is not an error: the
  /// update is skipped and grad_norm is NaN.
  Metrics run(const Batch& batch, const StepPlace& place, double lr, const RecentLosses& recent);

  AdamW& optimizer() { return optimizer_; }
  /// For float16; checkpoints store it.
  LossScale& loss_scale() { return loss_scale_; }

 private:
  struct MicroBatch;
  torch::Tensor forward(const Batch& batch);
  std::vector<MicroBatch> micro_batches(const Batch& batch, const StepPlace& place) const;
  double accumulate_gradients(const Batch& batch, const StepPlace& place);
  torch::Tensor micro_loss(const MicroBatch& micro, double share);
  void check_spike(double loss, const StepPlace& place, const RecentLosses& recent) const;
  double finite_norm(const StepPlace& place) const;
  double update_float16(const StepPlace& place, double lr);

  Objective& objective_;
  const TrainConfig& config_;
  World& world_;
  AdamW optimizer_;
  torch::Device device_;
  bool float16_;
  LossScale loss_scale_;
  GradientSum sum_;
};

}  // namespace gptkit
