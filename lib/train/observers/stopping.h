#pragma once
// Early stopping, and the best checkpoint: what compares the val_loss of one evaluation with those
// before it.

#include "train/observers/checkpoints.h"

namespace gptkit {

/// All ranks have one and come to the same result.
class Stopping : public TrainObserver {
 public:
  Stopping(const Training& training, const RunContext& context, Checkpoints& checkpoints,
           const WeightAverage* average)
      : training_(training), context_(context), checkpoints_(checkpoints), average_(average) {}

  /// A checkpoint that this saves is of before the evaluation, too: a run that is resumed from it
  /// evaluates again and comes to the same result.
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
