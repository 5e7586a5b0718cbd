#pragma once
// The interface between the trainer and the parts of a run that watch it: metrics, plot, samples,
// checkpoints, early stopping. The trainer calls the hooks in this order at each step.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/run_length.h"

namespace gptkit {

/// The state of a run for its observers.
struct RunProgress {
  TrainState state;  ///< after the last update
  RunLength length;
  int64_t steps_per_epoch = 0;
  int64_t token_budget = 0;    ///< 0: none
  bool stopped_early = false;  ///< by an observer
  Metrics evaluated = {};      ///< at this step; empty: nothing
  Metrics last_evaluation = {};
  std::chrono::steady_clock::time_point begun = {};  ///< by this process

  int64_t step() const { return state.steps_done - 1; }  ///< the last one, from 0
  bool ends_epoch() const { return state.steps_done % steps_per_epoch == 0; }
  /// Whether the run has ended.
  bool finished() const {
    const bool spent = token_budget > 0 && state.tokens >= token_budget;
    return state.steps_done >= length.most_steps || spent || stopped_early;
  }
  /// Spent on training, by all processes of this run.
  double seconds() const {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
    return state.seconds + spent.count();
  }
};

/// The sizes to which files that grow are truncated when the run begins.
struct RunStart {
  int64_t next_step = 0;
  int64_t sample_bytes = 0;  ///< -1: not known
  double seconds = 0;
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  /// Once, when the run folder is the run's (RunFolder::when_begun()).
  virtual void begin(const RunStart& /*start*/) {}
  /// After the update of a step, before its evaluation.
  virtual void updated(const RunProgress& /*run*/) {}
  /// During an evaluation (`loss`: of the loss) or the end of an epoch: the model is in evaluation
  /// mode, with its average weights where it has some, and takes no gradients.
  virtual void evaluating(const RunProgress& /*run*/, bool /*loss*/) {}
  /// After the loss has been evaluated. May end the run (stopped_early).
  virtual void evaluated(RunProgress& /*run*/) {}
  /// At the end of each step.
  virtual void stepped(const RunProgress& /*run*/) {}
  /// Before a checkpoint is saved: the output of the steps so far must reach the disk first.
  virtual void before_checkpoint() {}
  /// After the last step.
  virtual void ended(const RunProgress& /*run*/) {}
};

using TrainObservers = std::vector<std::unique_ptr<TrainObserver>>;

}  // namespace gptkit
