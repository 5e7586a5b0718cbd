#pragma once
// y = x W^T + b, with W in floating point or in quantised blocks. Unlike torch::nn::Linear its
// constructor draws no random numbers: new weights come from models/init.h, loaded weights from a
// file.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "nn/lora.h"
#include "tensors/quantized_tensor.h"

namespace gptkit {

class LinearImpl : public torch::nn::Module {
 public:
  /// The weights are uninitialised memory until init or loading fills them.
  LinearImpl(int64_t in_features, int64_t out_features, bool with_bias);

  /// x (..., in) -> (..., out)
  torch::Tensor forward(const torch::Tensor& x);
  /// The parts of a fused layer: input i goes through the i-th group of output rows, sizes[i] of
  /// them.
  std::vector<torch::Tensor> forward_parts(const std::vector<torch::Tensor>& inputs,
                                           const std::vector<int64_t>& sizes);

  /// Adds the adapter's output from now on; an empty adapter removes the current one.
  void set_lora(const Lora& lora);
  const Lora& lora() const { return lora_; }

  /// Replaces `weight` by quantised blocks. Their rows, one part after the other, are the layer's
  /// outputs; a fused layer may have parts of different formats. `weight` is undefined from here on
  /// and is not among parameters(): the blocks are never trained, but an adapter beside them can be
  /// (QLoRA, arXiv:2305.14314). Fails when the shapes do not fit.
  void set_quantized(std::vector<QuantizedTensor> parts);
  /// Empty: the layer has a floating-point weight.
  const std::vector<QuantizedTensor>& quantized() const { return quantized_; }
  /// The weight in floating point; decodes quantised blocks into a copy.
  torch::Tensor dense_weight() const;

  int64_t in_features() const { return in_; }
  int64_t out_features() const { return out_; }

  torch::Tensor weight;  // (out, in) or undefined: quantised
  torch::Tensor bias;    // (out) or undefined

 private:
  /// Output rows [begin, begin + count) of x W^T + b without the adapter.
  torch::Tensor quantized_rows(const torch::Tensor& x, int64_t begin, int64_t count) const;

  int64_t in_, out_;
  std::vector<QuantizedTensor> quantized_;
  Lora lora_{nullptr};
};
TORCH_MODULE(Linear);

}  // namespace gptkit
