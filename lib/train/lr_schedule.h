#pragma once
// The learning rate as a pure function of the step, so that a resumed run needs no scheduler state.

#include <cstdint>
#include <string>
#include <vector>

#include "train/config.h"

namespace gptkit {

/// The steps of wsd's decay: decay_steps, or a tenth of the run; at most the number of steps after
/// the warm-up. 0 for the other schedules.
int64_t decay_length(const TrainConfig& config, int64_t total_steps);

/// Linear warm-up over warmup_steps to lr; then constant, linear or cosine (arXiv:1608.03983) down
/// to min_lr at step total_steps - 1, or (wsd, arXiv:2404.06395) constant and a linear decay to
/// min_lr over the last steps. Steps count from 0; steps after the last have its rate.
double learning_rate(const TrainConfig& config, int64_t step, int64_t total_steps);

/// Warnings about the schedule before the run starts, one sentence each.
std::vector<std::string> schedule_warnings(const TrainConfig& config, int64_t total_steps);

}  // namespace gptkit
