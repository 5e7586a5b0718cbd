#pragma once
// Layer norm (arXiv:1607.06450) with a bias, or RMS norm (arXiv:1910.07467) without.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/options.h"

namespace gptkit {

class NormImpl : public torch::nn::Module {
 public:
  /// The weight is ones, the bias zeros.
  explicit NormImpl(const NormOptions& options);

  /// x (...,C) -> (...,C)
  torch::Tensor forward(const torch::Tensor& x);
  /// The same for the input of a matrix multiplication, which autocast rounds to bfloat16: the
  /// result may be rounded here.
  torch::Tensor before_matmul(const torch::Tensor& x);

  double epsilon() const { return epsilon_; }

  torch::Tensor weight;  // (C)
  torch::Tensor bias;    // (C) or undefined: RMS norm

 private:
  double epsilon_;
};
TORCH_MODULE(Norm);

}  // namespace gptkit
