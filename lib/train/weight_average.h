#pragma once
// An exponential moving average of the weights during training (Polyak and Juditsky 1992). It often
// has a lower validation loss than the weights of any single step.

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "tensors/tensor_source.h"
#include "train/optimizer.h"

namespace gptkit {

class WeightAverage {
 public:
  /// Of the weights that the optimizer updates; begins with what they are.
  WeightAverage(const AdamW& optimizer, double decay);

  /// After the step that makes `steps_done` of them: average = d average + (1 - d) weights. Early d
  /// is less than the decay, (1 + steps) / (10 + steps), so that the start is soon forgotten.
  void update(int64_t steps_done);

  /// Puts the average in the weights' place and keeps these instead; again: back.
  void swap_();

  /// As `ema/NAME`: part of what a checkpoint keeps.
  NamedTensors state() const;

 private:
  const AdamW& optimizer_;
  double decay_;
  std::vector<torch::Tensor> average_;
};

/// While it lives, a model has its average weights.
class AverageWeightsScope {
 public:
  explicit AverageWeightsScope(WeightAverage& average) : average_(average) { average_.swap_(); }
  ~AverageWeightsScope() { average_.swap_(); }
  AverageWeightsScope(const AverageWeightsScope&) = delete;
  AverageWeightsScope& operator=(const AverageWeightsScope&) = delete;

 private:
  WeightAverage& average_;
};

}  // namespace gptkit
