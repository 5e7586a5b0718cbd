#pragma once
// Multi-head causal self-attention (arXiv:1706.03762) with one fused query-key-value product.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "model/config.h"
#include "model/kv_cache.h"
#include "model/linear.h"

namespace gptkit {

class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(const ModelConfig& config);

  /// x (B,T,C) -> (B,T,C). With a cache, appends T keys and values to it and attends over all S
  /// of them; without one, S == T.
  torch::Tensor forward(const torch::Tensor& x, LayerCache* cache = nullptr);

  Linear qkv() const { return qkv_; }    // rows: queries, keys, values, (C,C) each
  Linear proj() const { return proj_; }  // (C,C)

 private:
  int64_t n_head_, head_dim_;
  double dropout_;
  Linear qkv_{nullptr}, proj_{nullptr};
};
TORCH_MODULE(Attention);

}  // namespace gptkit
