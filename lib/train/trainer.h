#pragma once
// The training loop that every task shares. It knows no task: a task hands it a model, a dataset, a
// loss and an evaluation. Steps count from 0; step k's evaluation comes after its update, when k is
// a multiple of eval_every, as in the book.

#include <torch/types.h>

#include <memory>
#include <string>

#include "data/batch.h"
#include "data/loader.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/evaluation.h"
#include "train/metrics.h"
#include "train/run_folder.h"
#include "train/training_task.h"

namespace gptkit {

struct TrainSummary {
  int64_t steps = 0, tokens = 0;
  double seconds = 0;
  Metrics last_evaluation;
  BestEvaluation best;         ///< steps_done is 0 when nothing measures a val_loss
  bool stopped_early = false;  ///< by train.early_stopping
  bool was_finished = false;   ///< before: a resumed run that had nothing left to train
};

/// How long a run will be.
struct RunLength {
  int64_t most_steps = 0;  ///< after which it ends whatever the tokens
  /// That, or where token_budget will end it: exact when all examples have one length, else an
  /// estimate. What the schedule and the progress go by.
  int64_t steps = 0;
  bool budget_reached = true;  ///< false: the run ends before token_budget
};
RunLength run_length(const TrainConfig& config, const Loader& loader);

/// Trains to the end, writing metrics.jsonl, loss.svg and checkpoints (one at the end) into the run
/// folder, and goes on from the newest checkpoint when the folder is being resumed. A run that
/// replaces another begins (run_folder.h) after its first step and, unless a checkpoint comes
/// first, its evaluation. Random numbers come from the default generator, which the caller has
/// seeded. On SIGINT, SIGTERM or SIGHUP finishes the step, saves and throws Stopped. A loss or
/// gradient that is not finite, or a spike, is an error naming step, examples and layer
/// (train_step.h). With keep_best the model ends with the weights that had the lowest val_loss.
/// Where several ranks train together (world()) each calls it with the same task: rank 0 alone
/// reads and writes the run folder, and only its summary has the files behind it.
TrainSummary train(TrainingTask& task, const TrainConfig& config, const RunFolder& run);

/// A batch's integers as an int64 tensor (rows, columns) on the device.
torch::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        torch::Device device);

}  // namespace gptkit
