#pragma once
// Console output of a run: the progress bar, and a line for each evaluation.

#include "base/progress.h"
#include "train/observers/observer.h"

namespace gptkit {

class Console : public TrainObserver {
 public:
  explicit Console(const RunProgress& run)
      : progress_("training", run.length.steps, "steps", run.state.steps_done) {}

  void stepped(const RunProgress& run) override;
  void ended(const RunProgress& /*run*/) override { close(); }
  /// Ends the bar's line, before other messages.
  void close() { progress_.finish(); }

 private:
  Progress progress_;
};

}  // namespace gptkit
