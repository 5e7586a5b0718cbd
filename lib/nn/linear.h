#pragma once
// y = x W^T + b. Unlike torch::nn::Linear its constructor draws no random numbers: fresh weights
// come from models/init.h, loaded ones from a file, and neither pays for the other.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "nn/lora.h"

namespace gptkit {

class LinearImpl : public torch::nn::Module {
 public:
  /// The weights are uninitialised memory until init or loading fills them.
  LinearImpl(int64_t in_features, int64_t out_features, bool with_bias);

  /// x (..., in) -> (..., out)
  torch::Tensor forward(const torch::Tensor& x);
  /// A fused layer taken apart: the i-th input goes through the i-th `sizes[i]` output rows alone.
  std::vector<torch::Tensor> forward_parts(const std::vector<torch::Tensor>& inputs,
                                           const std::vector<int64_t>& sizes);

  /// From here on adds the adapter's output; an empty one takes the last one out.
  void set_lora(const Lora& lora);
  const Lora& lora() const { return lora_; }

  torch::Tensor weight;  // (out, in)
  torch::Tensor bias;    // (out) or undefined

 private:
  Lora lora_{nullptr};
};
TORCH_MODULE(Linear);

}  // namespace gptkit
