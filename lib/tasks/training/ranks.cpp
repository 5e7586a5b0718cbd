#include "tasks/training/ranks.h"

#include <ATen/Context.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "tensors/device.h"

namespace gptkit {

torch::Device join_ranks(World& world, const std::string& device, const TrainConfig& config) {
  const auto ranks = rank_environment();
  const bool share_gpus = ranks.world_size > 1 && device != "cpu" && at::hasCUDA();
  const auto own = share_gpus ? concat("cuda:", ranks.local_rank) : device;
  require(!share_gpus || device == "auto" || device == "cuda", "device ", device, ": ",
          ranks.world_size, " processes use one GPU each; set ", Key{"device"}, " auto or cpu");
  const auto resolved = resolve_device(own);
  const bool alone = world.size() == 1;
  world.join(ranks, std::chrono::seconds(config.timeout), resolved);
  if (alone && world.size() > 1) {
    if (!world.is_main()) set_log_level(LogLevel::kQuiet);
    log_info(world.size(), " processes train together");
  }
  return resolved;
}

}  // namespace gptkit
