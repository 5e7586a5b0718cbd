#pragma once
// The length of a run in steps.

#include <cstdint>

#include "data/loader.h"
#include "train/config.h"

namespace gptkit {

struct RunLength {
  int64_t most_steps = 0;  ///< the run ends after these, whatever the tokens
  /// That, or where token_budget ends it: exact when all examples have one length, else an
  /// estimate. The schedule and the progress bar use it.
  int64_t steps = 0;
  bool budget_reached = true;  ///< false: the run ends before token_budget
};
RunLength run_length(const TrainConfig& config, const Loader& loader);

}  // namespace gptkit
