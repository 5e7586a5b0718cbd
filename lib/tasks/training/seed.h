#pragma once
// The seed of a run's random numbers.

#include <cstdint>

#include "distributed/world.h"

namespace gptkit {

/// The seed that a config asks for: -1 draws one, and several processes then take that of rank 0.
int64_t settled_seed(int64_t seed, World& world);

/// Seeds LibTorch's default generator, and the CUDA ones.
void seed_everything(int64_t seed);

}  // namespace gptkit
