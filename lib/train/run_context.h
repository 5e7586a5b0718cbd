#pragma once
// The context of a run. Created once by the program and passed down.

#include <torch/types.h>

#include <cstdint>

#include "distributed/world.h"
#include "train/run_folder.h"

namespace gptkit {

struct RunContext {
  World& world;  ///< the processes that train together
  torch::Device device = torch::kCPU;
  int64_t seed = 0;  ///< of the run's random numbers, settled: never -1
  const RunFolder& folder;
};

}  // namespace gptkit
