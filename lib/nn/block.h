#pragma once
// One transformer block: attention, then the feed-forward, each with a residual connection; the
// norms stand before them or behind (nn/options.h).

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/attention.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/options.h"
#include "nn/packing.h"

namespace gptkit {

class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const BlockOptions& options);

  /// x (B,T,C) -> (B,T,C); with a packing (1,N,C), as in nn/attention.h
  torch::Tensor forward(const torch::Tensor& x, LayerCache* cache = nullptr,
                        const Rotation* rotation = nullptr, const Packing* packing = nullptr);

  /// The output of one row per sequence: x (N,C), rows int64 (B) -> (B,C). Of other rows only keys
  /// and values are computed.
  torch::Tensor forward_at(const torch::Tensor& x, const Packing& packing,
                           const torch::Tensor& rows, const Rotation* rotation = nullptr);

  Norm norm1() const { return norm1_; }
  Norm norm2() const { return norm2_; }
  Attention attention() const { return attention_; }
  Mlp mlp() const { return mlp_; }

 private:
  /// Whether kernels/gpt2_block.h computes what this block does, for some inputs.
  bool is_gpt2() const;
  /// h: the residual stream behind attention -> that of the block
  torch::Tensor feed_forward(const torch::Tensor& h);
  /// What attention reads of x.
  torch::Tensor attention_input(const torch::Tensor& x);
  /// The residual stream x and what attention makes of it.
  torch::Tensor add_attention(const torch::Tensor& x, const torch::Tensor& attended);

  double dropout_;
  bool post_norm_;
  Norm norm1_{nullptr}, norm2_{nullptr};
  Attention attention_{nullptr};
  Mlp mlp_{nullptr};
};
TORCH_MODULE(Block);

}  // namespace gptkit
