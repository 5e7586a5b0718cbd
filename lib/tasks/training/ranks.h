#pragma once
// The processes of a run and their devices.

#include <torch/types.h>

#include <string>

#include "distributed/world.h"
#include "train/config.h"

namespace gptkit {

/// Joins the other processes of the run, if the environment names any (distributed/world.h), and
/// returns the device of this process. On a machine with GPUs each process has its own GPU. Call it
/// before drawing random numbers.
torch::Device join_ranks(World& world, const std::string& device, const TrainConfig& config);

}  // namespace gptkit
