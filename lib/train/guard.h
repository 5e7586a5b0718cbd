#pragma once
// Stops a run when a value is not finite or the loss jumps. Errors name the step, the batch and the
// layer.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "train/optimizer.h"

namespace gptkit {

/// Where in the data a step is.
struct StepPlace {
  int64_t step = 0;                    ///< from 0, as in metrics.jsonl
  int64_t epoch = 1, batch = 1;        ///< from 1
  std::vector<int64_t> examples = {};  ///< their numbers in the training data
  uint64_t epoch_seed = 0;             ///< of the epoch's order
};

/// "step 7 (epoch 1, batch 8, examples 3, 0, 12 and 5)"; of many examples the first eight.
std::string to_text(const StepPlace& place);

/// Losses of the last steps, newest last: at most kSpikeWindow.
using RecentLosses = std::vector<double>;
inline constexpr size_t kSpikeWindow = 64;
/// The guard starts after this many losses: fewer do not show the usual level.
inline constexpr size_t kSpikeLeast = 16;

/// Adds a loss, dropping the oldest when the window is full.
void remember_loss(RecentLosses& losses, double loss);

/// The loss above which a step counts as a spike: `factor` times the median of the window, or times
/// 1 where the median is below (a ratio of two small losses means nothing: one odd example in an
/// almost perfect classifier). Infinite if factor is 0 or the window is too short.
double spike_limit(const RecentLosses& losses, double factor);

/// The first parameter that holds a value that is not finite; empty: none. One pass over
/// the weights and one device sync each.
std::string first_weight_not_finite(const torch::nn::Module& module);

/// Calls `forward` and names the source of the first NaN or +inf: "aten::addmm at
/// 'blocks.1.mlp.up'", with the layer whose parameters this operator takes, or else the last layer
/// before it. (-inf alone is how masks are written.) Empty if all values are finite. LibTorch's C++
/// modules have no forward hooks: this watches the operators, through a RecordFunction callback of
/// this thread.
std::string first_result_not_finite(const torch::nn::Module& module,
                                    const std::function<void()>& forward);

/// The parameter whose gradient first became not finite in the backward pass, and the number of
/// others: "'blocks.1.mlp.up.weight' and 12 others". The backward pass visits the modules from last
/// to first, and the error spreads to all later ones, so the source is the last in registration
/// order. Empty if all are finite.
std::string gradients_not_finite(const AdamW& optimizer);

/// The parameter with the largest gradient: "'blocks.1.mlp.up.weight' (norm 123.4)".
std::string largest_gradient(const AdamW& optimizer);

}  // namespace gptkit
