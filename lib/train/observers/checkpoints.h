#pragma once
// checkpoints/: the state of the run after every train.checkpoint_every steps and at its end, each
// taken before that step's evaluation.

#include "train/observers/observer.h"
#include "train/optimizer.h"
#include "train/run_context.h"
#include "train/training.h"
#include "train/weight_average.h"

namespace gptkit {

/// All ranks have a Checkpoints object and call it together; rank 0 writes.
class Checkpoints : public TrainObserver {
 public:
  /// Keeps references to all arguments. `average` may be null; `others` are notified before a
  /// checkpoint is saved.
  Checkpoints(const Training& training, const RunContext& context, const AdamW& optimizer,
              const WeightAverage* average, const TrainObservers& others)
      : training_(training),
        context_(context),
        optimizer_(optimizer),
        average_(average),
        others_(others) {}

  void updated(const RunProgress& run) override;
  /// Saves the state unless it has been saved. Fails for weights that are not finite.
  void save(const RunProgress& run);
  /// The run was resumed from the checkpoint after `steps_done` steps, which is the newest.
  void resumed_at(int64_t steps_done) { saved_at_ = steps_done; }

 private:
  const Training& training_;
  const RunContext& context_;
  const AdamW& optimizer_;
  const WeightAverage* average_;
  const TrainObservers& others_;
  int64_t saved_at_ = 0;
};

}  // namespace gptkit
