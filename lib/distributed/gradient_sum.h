#pragma once
// The gradient of a batch that several ranks share.

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "distributed/world.h"

namespace gptkit {

/// Sums gradients over the ranks while backward is still at work on earlier layers (c10d::Reducer,
/// PyTorch's DistributedDataParallel: arXiv:2006.15704). Alone it is just backward.
class GradientSum {
 public:
  /// Of parameters that all take part in the loss. `names` are for messages.
  GradientSum(World& world, const std::vector<torch::Tensor>& parameters,
              const std::vector<std::string>& names);
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  /// Adds the loss's gradient to each parameter's own, here alone.
  void accumulate(const torch::Tensor& loss);
  /// The same, and then every parameter has the sum over all ranks of what each accumulated. A rank
  /// that has nothing to add gives an undefined loss.
  void accumulate_and_sum(const torch::Tensor& loss);

 private:
  struct Impl;
  World& world_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Impl> impl_;  // empty when alone
};

}  // namespace gptkit
