#pragma once
// The training loop that all tasks share. It knows no task: a task brings an objective, data and
// settings. Steps count from 0; step k's evaluation comes after its update, when k is a multiple of
// eval_every, as in the book.

#include <cstdint>

#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/run_context.h"
#include "train/training.h"

namespace gptkit {

struct TrainSummary {
  int64_t steps = 0, tokens = 0;
  double seconds = 0;
  Metrics last_evaluation;
  BestEvaluation best;         ///< steps_done is 0 when nothing measures a val_loss
  bool stopped_early = false;  ///< by train.early_stopping
  bool was_finished = false;   ///< before: a resumed run that had nothing left to train
};

/// Trains to the end, writing metrics.jsonl, loss.svg and checkpoints (one at the end) into the run
/// folder (train/observers/), and continues from the newest checkpoint when the run is resumed. A
/// run that replaces another begins (run_folder.h) after its first step and, unless a checkpoint
/// comes first, its evaluation. Random numbers come from the default generator, which the caller
/// has seeded. On SIGINT, SIGTERM or SIGHUP finishes the step, saves and throws Stopped. A loss or
/// gradient that is not finite, or a spike, is an error naming step, examples and layer
/// (train_step.h). With keep_best the model ends with the weights that had the lowest val_loss.
/// If several ranks train together, each calls this with the same training. Only rank 0 reads and
/// writes the run folder.
TrainSummary train(const Training& training, const RunContext& context);

}  // namespace gptkit
