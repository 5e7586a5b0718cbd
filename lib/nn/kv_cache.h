#pragma once
// Keys and values of the tokens so far: decoding computes only those of the new tokens. The memory
// is allocated once, for max_tokens.

#include <torch/types.h>

#include <tuple>
#include <vector>

#include "nn/options.h"

namespace gptkit {

class LayerCache {
 public:
  LayerCache(int64_t batch, int64_t n_kv_head, int64_t max_tokens, int64_t head_dim,
             const torch::TensorOptions& options);

  /// Appends k, v (B,G,T,D) and returns views of all keys and values so far, (B,G,S,D) each.
  std::tuple<torch::Tensor, torch::Tensor> append(const torch::Tensor& k, const torch::Tensor& v);

  int64_t tokens() const { return tokens_; }
  int64_t max_tokens() const { return keys_.size(2); }
  /// Forgets all but the first `tokens`.
  void truncate(int64_t tokens);
  /// Row i of the batch becomes a copy of the former row rows[i] (int64, same device).
  void reorder(const torch::Tensor& rows);

 private:
  torch::Tensor keys_, values_;  // (B,G,max,D)
  int64_t tokens_ = 0;
};

/// One LayerCache per block.
class KvCache {
 public:
  KvCache(const CacheShape& shape, int64_t batch, int64_t max_tokens,
          const torch::TensorOptions& options);

  LayerCache& layer(int64_t i) { return layers_[static_cast<size_t>(i)]; }
  int64_t tokens() const { return layers_.front().tokens(); }
  int64_t max_tokens() const { return layers_.front().max_tokens(); }
  void truncate(int64_t tokens);
  void reorder(const torch::Tensor& rows);

 private:
  std::vector<LayerCache> layers_;
};

}  // namespace gptkit
