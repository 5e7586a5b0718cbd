#include "nn/kv_cache.h"

#include "base/error.h"

namespace gptkit {

LayerCache::LayerCache(int64_t batch, int64_t n_kv_head, int64_t max_tokens, int64_t head_dim,
                       const torch::TensorOptions& options)
    : keys_(torch::empty({batch, n_kv_head, max_tokens, head_dim}, options)),
      values_(torch::empty({batch, n_kv_head, max_tokens, head_dim}, options)) {}

std::tuple<torch::Tensor, torch::Tensor> LayerCache::append(const torch::Tensor& k,
                                                            const torch::Tensor& v) {
  const int64_t T = k.size(2), S = tokens_ + T;
  require(S <= max_tokens(), "the key/value cache holds ", max_tokens(), " tokens and ", S,
          " were fed; make it larger or stop earlier");
  keys_.slice(2, tokens_, S).copy_(k);
  values_.slice(2, tokens_, S).copy_(v);
  tokens_ = S;
  return {keys_.slice(2, 0, S), values_.slice(2, 0, S)};
}

void LayerCache::truncate(int64_t tokens) {
  require(tokens >= 0 && tokens <= tokens_, "cannot cut a cache of ", tokens_, " tokens to ",
          tokens);
  tokens_ = tokens;
}

void LayerCache::reorder(const torch::Tensor& rows) {
  keys_ = keys_.index_select(0, rows);
  values_ = values_.index_select(0, rows);
}

KvCache::KvCache(const CacheShape& shape, int64_t batch, int64_t max_tokens,
                 const torch::TensorOptions& options) {
  layers_.reserve(static_cast<size_t>(shape.n_layer));
  for (int64_t i = 0; i < shape.n_layer; ++i) {
    layers_.emplace_back(batch, shape.n_kv_head, max_tokens, shape.d_head, options);
  }
}

void KvCache::truncate(int64_t tokens) {
  for (auto& layer : layers_) layer.truncate(tokens);
}

void KvCache::reorder(const torch::Tensor& rows) {
  for (auto& layer : layers_) layer.reorder(rows);
}

}  // namespace gptkit
