#pragma once
// A checkpoint: everything that a run needs to resume as if it had never stopped. A folder
// `checkpoints/step-XXXXXXXX` (steps done) that is either complete or absent:
//
//   model.safetensors      parameters and buffers under their registered names
//   optimizer.safetensors  exp_avg/NAME, exp_avg_sq/NAME, ema/NAME where weights are averaged, and
//                          `generator`: LibTorch's CPU state
//   state.json             counters, data position, metrics of the last step, best evaluation
//   manifest.json          SHA-256 of each of these: a damaged file is detected and named

#include <torch/nn/module.h>
#include <torch/types.h>

#include <filesystem>
#include <limits>
#include <optional>

#include "base/files.h"
#include "data/loader.h"
#include "train/guard.h"
#include "train/loss_scale.h"
#include "train/metrics.h"
#include "train/optimizer.h"

namespace gptkit {

/// The lowest val_loss so far. Early stopping and train.keep_best use it.
struct BestEvaluation {
  double val_loss = std::numeric_limits<double>::infinity();
  int64_t steps_done = 0;         ///< when it was measured; 0: not yet
  int64_t evaluations_since = 0;  ///< without a lower one
  bool operator==(const BestEvaluation&) const = default;
};

/// The state of a run right after the update of its last step, before that step's evaluation.
struct TrainState {
  int64_t steps_done = 0;
  int64_t tokens = 0;
  double seconds = 0;  ///< spent training, over all processes of this run
  LoaderState loader;
  Metrics last_step;        ///< loss, grad_norm ... of step steps_done - 1
  torch::Tensor generator;  ///< of the default CPU generator, uint8
  std::string fingerprint;  ///< of the training data
  LossScale loss_scale;
  BestEvaluation best;  ///< of the evaluations before this step's
  RecentLosses recent_losses;
  int64_t sample_bytes = -1;  ///< of samples.txt before this step's evaluation; -1: not known
};

/// Path of the checkpoint after `steps_done` steps, whether it exists or not.
fs::path checkpoint_folder(const fs::path& run, int64_t steps_done);

/// Which checkpoints are kept.
struct Retention {
  int64_t newest = 2;
  int64_t best = 0;  ///< steps done of one more that is kept; 0: none
};

/// Writes the checkpoint and removes all others except those in `keep`. If it fails (kRuntime),
/// older checkpoints are untouched. `moments` as AdamW::state() names them.
void save_checkpoint(const fs::path& run, const torch::nn::Module& module,
                     const NamedTensors& moments, const TrainState& state, const Retention& keep);
void save_checkpoint(const fs::path& run, const torch::nn::Module& module, const AdamW& optimizer,
                     const TrainState& state, const Retention& keep);

/// The newest complete checkpoint of a run. Damaged ones are named in a warning.
std::optional<fs::path> newest_checkpoint(const fs::path& run);

/// Fills module and moments; fails naming a file whose bytes changed or a tensor that differs.
TrainState load_checkpoint(const fs::path& checkpoint, torch::nn::Module& module,
                           const NamedTensors& moments);
TrainState load_checkpoint(const fs::path& checkpoint, torch::nn::Module& module, AdamW& optimizer);

/// The state without the generator, as written in state.json, and the reverse; `where` is for
/// errors.
std::string to_text(const TrainState& state);
TrainState train_state(const std::string& text, const std::string& where);

/// Fills the module and the requested other tensors. Returns false, with a warning, if that
/// checkpoint is missing or damaged.
bool load_weights(const fs::path& checkpoint, torch::nn::Module& module,
                  const NamedTensors& others = {});

/// The default CPU generator's state, and setting it.
torch::Tensor generator_state();
void set_generator_state(const torch::Tensor& state);

/// One int64 from the default CPU generator, as PyTorch's DataLoader and RandomSampler draw it.
uint64_t draw_seed();

}  // namespace gptkit
