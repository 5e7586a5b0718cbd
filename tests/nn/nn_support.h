#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

namespace gptkit::test {

/// Layers are constructed without values: normal ones, wide enough that every term counts.
inline void fill(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : module.parameters()) parameter.normal_(0, 0.3);
}

/// Equal but for the order of float32 sums.
inline bool close(const torch::Tensor& a, const torch::Tensor& b) {
  return a.sizes() == b.sizes() && torch::allclose(a, b, /*rtol=*/1e-4, /*atol=*/1e-5);
}

}  // namespace gptkit::test
