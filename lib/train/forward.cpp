#include "train/forward.h"

#include "base/error.h"
#include "kernels/fast_precision.h"
#include "models/gpt.h"

namespace gptkit {

void set_activation_checkpointing(torch::nn::Module& model, bool on) {
  bool found = false;
  for (const auto& module : model.modules()) {
    auto* const gpt = module->as<GPTImpl>();
    if (!gpt) continue;
    gpt->set_activation_checkpointing(on);
    found = true;
  }
  require(found || !on, Key{"train.activation_checkpointing"},
          ": this model has no transformer blocks; set it to false");
}

PrecisionScope training_precision(Objective& objective, const TrainConfig& config) {
  const auto device = objective.model().parameters().front().device();
  return {resolve_precision(config.precision, device), device};
}

}  // namespace gptkit
