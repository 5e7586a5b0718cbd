#pragma once
// The processes of a run, and the device of each.

#include <torch/types.h>

#include <string>

#include "distributed/world.h"
#include "train/config.h"

namespace gptkit {

/// Meets the other processes of the run, if the environment says that there are any
/// (distributed/world.h), and gives this one's device: of several on a machine with GPUs each has
/// its own. Call it before random numbers are drawn.
torch::Device join_ranks(World& world, const std::string& device, const TrainConfig& config);

}  // namespace gptkit
