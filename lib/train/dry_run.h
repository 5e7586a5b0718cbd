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
  double activation_bytes = 0;  ///< measured: what the forward pass of a micro batch needs
  /// Measured: the most that tensors took at once, weights included. Less than the sum of the above
  /// where activations go while gradients come.
  double peak_bytes = 0;
  double process_bytes = 0;  ///< most resident memory of the process, LibTorch included
  double step_seconds = 0;   ///< the median of three steps

  double tokens_per_second() const { return static_cast<double>(tokens) / step_seconds; }
  /// Of the whole run, without evaluations and checkpoints.
  double total_seconds() const { return static_cast<double>(steps) * step_seconds; }
};

/// Trains for three steps on the first batches, with everything that a step has. The weights and
/// the random numbers are then no more what they were. `flops` is what a step takes.
DryRun dry_run(const Training& training, World& world, double flops = 0);

/// A few lines for people; the same as one object.
std::string to_text(const DryRun& run);
OrderedJson to_json(const DryRun& run);

}  // namespace gptkit
