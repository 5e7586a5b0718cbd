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
  /// Averages the weights that the optimizer updates, starting from their current values.
  WeightAverage(const AdamW& optimizer, double decay);

  /// After the step that makes `steps_done` of them: average = d average + (1 - d) weights. At
  /// first d is smaller than the decay, (1 + steps) / (10 + steps), so that the initial weights
  /// soon lose their influence.
  void update(int64_t steps_done);

  /// Swaps the average and the weights. A second call swaps them back.
  void swap_();

  /// As `ema/NAME`, for checkpoints.
  NamedTensors state() const;

 private:
  const AdamW& optimizer_;
  double decay_;
  std::vector<torch::Tensor> average_;
};

/// While this object exists, the model has its average weights.
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
