#pragma once
// The learning rate as a pure function of the step, so that a resumed run needs no scheduler state.

#include <cstdint>

#include "train/config.h"

namespace gptkit {

/// Linear warm-up over warmup_steps to lr, then constant, linear or cosine (arXiv:1608.03983) down
/// to min_lr at step total_steps - 1. Steps count from 0.
double learning_rate(const TrainConfig& config, int64_t step, int64_t total_steps);

}  // namespace gptkit
