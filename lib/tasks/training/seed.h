#pragma once
// The seed of a run's random numbers.

#include <cstdint>

#include "distributed/world.h"

namespace gptkit {

/// The seed of a config. -1 draws a new one; several processes then use that of rank 0.
int64_t settled_seed(int64_t seed, World& world);

/// Seeds LibTorch's default generator, and the CUDA ones.
void seed_everything(int64_t seed);

}  // namespace gptkit
