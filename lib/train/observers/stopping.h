#pragma once
// Early stopping and the best checkpoint: compares the val_loss of each evaluation with earlier
// ones.

#include "train/observers/checkpoints.h"

namespace gptkit {

/// Every rank has one, and all get the same result.
class Stopping : public TrainObserver {
 public:
  Stopping(const Training& training, const RunContext& context, Checkpoints& checkpoints,
           const WeightAverage* average)
      : training_(training), context_(context), checkpoints_(checkpoints), average_(average) {}

  /// A checkpoint that this saves is also taken before the evaluation: a run resumed from it
  /// evaluates again and gets the same result.
  void evaluated(RunProgress& run) override;
  /// With train.keep_best the model gets the best weights, on rank 0.
  void ended(const RunProgress& run) override;

 private:
  const Training& training_;
  const RunContext& context_;
  Checkpoints& checkpoints_;
  const WeightAverage* average_;
};

}  // namespace gptkit
