#include "model/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include <optional>

namespace gptkit {

AttentionImpl::AttentionImpl(const ModelConfig& config)
    : n_head_(config.n_head), head_dim_(config.head_dim()), dropout_(config.dropout) {
  qkv_ = register_module("qkv", Linear(config.d_model, 3 * config.d_model, config.qkv_bias));
  proj_ = register_module("proj", Linear(config.d_model, config.d_model, true));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x, LayerCache* cache) {
  const int64_t B = x.size(0), T = x.size(1), C = x.size(2);
  const auto qkv = qkv_(x).view({B, T, 3, n_head_, head_dim_}).permute({2, 0, 3, 1, 4});
  const auto q = qkv[0];                            // (B,H,T,D)
  auto k = qkv[1], v = qkv[2];                      // (B,H,T,D)
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,H,S,D)

  // A lone query sees every key, so it needs no mask; is_causal aligns the mask with the first
  // key, which is wrong once S > T: later chunks get an explicit mask.
  const int64_t S = k.size(2);
  std::optional<torch::Tensor> mask;
  if (T > 1 && S > T) {
    mask = torch::ones({T, S}, x.options().dtype(torch::kBool)).tril(/*diagonal=*/S - T);
  }
  const auto y = at::scaled_dot_product_attention(q, k, v, mask, is_training() ? dropout_ : 0.0,
                                                  /*is_causal=*/T > 1 && S == T);  // (B,H,T,D)
  return proj_(y.transpose(1, 2).reshape({B, T, C}));
}

}  // namespace gptkit
