#include "train/weight_average.h"

#include <algorithm>

namespace gptkit {

WeightAverage::WeightAverage(const AdamW& optimizer, double decay)
    : optimizer_(optimizer), decay_(decay) {
  for (const auto& parameter : optimizer.parameters()) {
    average_.push_back(parameter.detach().clone());
  }
}

void WeightAverage::update(int64_t steps_done) {
  const torch::NoGradGuard no_grad;
  const auto steps = static_cast<double>(steps_done);
  const double decay = std::min(decay_, (1 + steps) / (10 + steps));
  for (size_t i = 0; i < average_.size(); ++i) {
    average_[i].lerp_(optimizer_.parameters()[i].detach(), 1 - decay);
  }
}

void WeightAverage::swap_() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < average_.size(); ++i) {
    auto weight = optimizer_.parameters()[i].detach();
    const auto kept = weight.clone();
    weight.copy_(average_[i]);
    average_[i].copy_(kept);
  }
}

NamedTensors WeightAverage::state() const {
  NamedTensors tensors;
  for (size_t i = 0; i < average_.size(); ++i) {
    tensors.emplace_back("ema/" + optimizer_.names()[i], average_[i]);
  }
  return tensors;
}

}  // namespace gptkit
