#pragma once
// The gradient of a batch that several ranks share.

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "distributed/world.h"

namespace gptkit {

/// Sums gradients over the ranks while the backward pass of earlier layers still runs
/// (c10d::Reducer, PyTorch's DistributedDataParallel: arXiv:2006.15704). In a single process it
/// only runs backward.
class GradientSum {
 public:
  /// All parameters must take part in the loss. `names` are for messages.
  GradientSum(World& world, const std::vector<torch::Tensor>& parameters,
              const std::vector<std::string>& names);
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  /// Adds the gradient of the loss to each parameter's gradient on this rank only.
  void accumulate(const torch::Tensor& loss);
  /// The same, and then sums the accumulated gradients over all ranks. A rank that has nothing to
  /// add passes an undefined loss.
  void accumulate_and_sum(const torch::Tensor& loss);

 private:
  struct Impl;
  World& world_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Impl> impl_;  // null in a single process
};

}  // namespace gptkit
