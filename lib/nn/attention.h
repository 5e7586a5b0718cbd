#pragma once
// Self-attention (arXiv:1706.03762), causal or bidirectional, with one fused query-key-value layer.
// Groups of query heads may share a key/value head (arXiv:2305.13245).

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/kv_cache.h"
#include "nn/linear.h"
#include "nn/options.h"
#include "nn/packing.h"
#include "nn/positions.h"

namespace gptkit {

class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(const AttentionOptions& options);

  /// x (B,T,C) -> (B,T,C). With a cache, appends T keys and values to it and attends to all S of
  /// them; without one, S == T. A rotation, if given, turns queries and keys. With a packing, x is
  /// (1,N,C), each sequence attends to itself alone, and there is no cache.
  torch::Tensor forward(const torch::Tensor& x, LayerCache* cache = nullptr,
                        const Rotation* rotation = nullptr, const Packing* packing = nullptr);

  /// The output of one row per sequence: x (N,C), rows int64 (B) -> (B,C). Other queries are not
  /// computed.
  torch::Tensor forward_at(const torch::Tensor& x, const Packing& packing,
                           const torch::Tensor& rows, const Rotation* rotation = nullptr);

  /// Causal: a token attends to itself and the tokens before it; otherwise to all tokens.
  void set_causal(bool causal) { causal_ = causal; }
  bool causal() const { return causal_; }

  int64_t n_head() const { return n_head_; }
  Linear qkv() const { return qkv_; }    // rows: H D of queries, G D of keys, G D of values
  Linear proj() const { return proj_; }  // (C,H D)

 private:
  int64_t n_head_, n_kv_head_, head_dim_;
  double dropout_;
  bool causal_;
  Linear qkv_{nullptr}, proj_{nullptr};
};
TORCH_MODULE(Attention);

}  // namespace gptkit
