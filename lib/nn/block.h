#pragma once
// One pre-norm transformer block: x + attention(norm(x)), then x + mlp(norm(x)).

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/attention.h"
#include "nn/config.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/packing.h"

namespace gptkit {

class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const ModelConfig& config);

  /// x (B,T,C) -> (B,T,C); with a packing (1,N,C), as in nn/attention.h
  torch::Tensor forward(const torch::Tensor& x, LayerCache* cache = nullptr,
                        const Rotation* rotation = nullptr, const Packing* packing = nullptr);

  /// The output at one row of each sequence alone: x (N,C), rows int64 (B) -> (B,C). Only keys and
  /// values are worked out for the others.
  torch::Tensor forward_at(const torch::Tensor& x, const Packing& packing,
                           const torch::Tensor& rows, const Rotation* rotation = nullptr);

  Norm norm1() const { return norm1_; }
  Norm norm2() const { return norm2_; }
  Attention attention() const { return attention_; }
  Mlp mlp() const { return mlp_; }

 private:
  double dropout_;
  Norm norm1_{nullptr}, norm2_{nullptr};
  Attention attention_{nullptr};
  Mlp mlp_{nullptr};
};
TORCH_MODULE(Block);

}  // namespace gptkit
