#include "tasks/training/seed.h"

#include <torch/utils.h>

#include <random>
#include <string>

#include "base/error.h"

namespace gptkit {

int64_t settled_seed(int64_t seed, World& world) {
  require(seed >= -1, "seed: ", seed, " is out of range; expected 0 or more, or -1 for a new one");
  if (seed >= 0) return seed;
  return std::stoll(world.broadcast_text(std::to_string(std::random_device{}())));
}

void seed_everything(int64_t seed) { torch::manual_seed(static_cast<uint64_t>(seed)); }

}  // namespace gptkit
