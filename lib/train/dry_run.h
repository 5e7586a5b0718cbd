#pragma once
// Estimates the memory and the time of a run from its first real steps. Writes nothing.

#include <cstdint>
#include <string>

#include "base/json.h"
#include "distributed/world.h"
#include "train/training.h"

namespace gptkit {

struct DryRun {
  int64_t parameters = 0, trainable = 0;
  int64_t steps = 0;   ///< of the whole run
  int64_t tokens = 0;  ///< a step: its inputs, padding included
  double flops = 0;    ///< a step, as the task counts them; 0: not known
  double weight_bytes = 0, gradient_bytes = 0, optimizer_bytes = 0;
  double activation_bytes = 0;  ///< measured: the forward pass of a micro batch
  /// Measured: the peak size of all tensors, weights included. Less than the sum of the above if
  /// activations are freed while gradients are allocated.
  double peak_bytes = 0;
  double process_bytes = 0;  ///< most resident memory of the process, LibTorch included
  double step_seconds = 0;   ///< the median of three steps

  double tokens_per_second() const { return static_cast<double>(tokens) / step_seconds; }
  /// Of the whole run, without evaluations and checkpoints.
  double total_seconds() const { return static_cast<double>(steps) * step_seconds; }
};

/// Trains for three complete steps on the first batches. This changes the weights and the state of
/// the random generator. `flops` is the cost of a step.
DryRun dry_run(const Training& training, World& world, double flops = 0);

/// The estimate as a few lines of text, and as one JSON object.
std::string to_text(const DryRun& run);
OrderedJson to_json(const DryRun& run);

}  // namespace gptkit
