#pragma once
// One pre-norm transformer block: x + attention(norm(x)), then x + mlp(norm(x)).

#include <torch/nn/module.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "model/attention.h"
#include "model/config.h"
#include "model/mlp.h"

namespace gptkit {

class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const ModelConfig& config);

  /// x (B,T,C) -> (B,T,C)
  torch::Tensor forward(const torch::Tensor& x, LayerCache* cache = nullptr);

  torch::nn::LayerNorm norm1() const { return norm1_; }
  torch::nn::LayerNorm norm2() const { return norm2_; }
  Attention attention() const { return attention_; }
  Mlp mlp() const { return mlp_; }

 private:
  double dropout_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  Attention attention_{nullptr};
  Mlp mlp_{nullptr};
};
TORCH_MODULE(Block);

}  // namespace gptkit
