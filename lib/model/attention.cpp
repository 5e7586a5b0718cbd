#include "model/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include <optional>

namespace gptkit {

AttentionImpl::AttentionImpl(const ModelConfig& config)
    : n_head_(config.n_head),
      n_kv_head_(config.kv_heads()),
      head_dim_(config.head_dim()),
      dropout_(config.dropout) {
  const int64_t rows = (n_head_ + 2 * n_kv_head_) * head_dim_;
  qkv_ = register_module("qkv", Linear(config.d_model, rows, config.qkv_bias));
  proj_ = register_module("proj", Linear(n_head_ * head_dim_, config.d_model, config.proj_bias));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x, LayerCache* cache,
                                     const Rotation* rotation) {
  const int64_t B = x.size(0), T = x.size(1), H = n_head_, G = n_kv_head_, D = head_dim_;
  const auto parts = qkv_(x).split_with_sizes({H * D, G * D, G * D}, -1);
  const auto heads = [&](const torch::Tensor& t, int64_t n) {
    return t.view({B, T, n, D}).transpose(1, 2);  // (B,n,T,D)
  };
  auto q = heads(parts[0], H);                          // (B,H,T,D)
  auto k = heads(parts[1], G), v = heads(parts[2], G);  // (B,G,T,D)
  if (rotation) {
    q = rotate(q, *rotation);
    k = rotate(k, *rotation);
  }
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,G,S,D)

  // A lone query sees every key, so it needs no mask; is_causal aligns the mask with the first
  // key, which is wrong once S > T: later chunks get an explicit mask.
  const int64_t S = k.size(2);
  std::optional<torch::Tensor> mask;
  if (causal_ && T > 1 && S > T) {
    mask = torch::ones({T, S}, x.options().dtype(torch::kBool)).tril(/*diagonal=*/S - T);
  }
  const auto y = at::scaled_dot_product_attention(q, k, v, mask, is_training() ? dropout_ : 0.0,
                                                  /*is_causal=*/causal_ && T > 1 && S == T,
                                                  /*scale=*/std::nullopt,
                                                  /*enable_gqa=*/G != H);  // (B,H,T,D)
  return proj_(y.transpose(1, 2).reshape({B, T, H * D}));
}

torch::Tensor AttentionImpl::forward_at(const torch::Tensor& x, const torch::Tensor& positions,
                                        const Rotation* rotation) {
  const int64_t B = x.size(0), T = x.size(1), H = n_head_, G = n_kv_head_, D = head_dim_;
  const auto asking = x.index({torch::arange(B, positions.options()), positions});  // (B,C)
  const auto parts = qkv_->forward_parts({asking, x}, {H * D, 2 * G * D});
  auto q = parts[0].view({B, H, 1, D});
  const auto kv = parts[1].view({B, T, 2 * G, D}).transpose(1, 2).chunk(2, 1);
  auto k = kv[0];  // (B,G,T,D)
  if (rotation) {
    const auto at_positions = [&](const torch::Tensor& table) {
      return table.index_select(0, positions).view({B, 1, 1, D / 2});
    };
    q = rotate(q, {at_positions(rotation->cos), at_positions(rotation->sin)});
    k = rotate(k, *rotation);
  }
  std::optional<torch::Tensor> mask;
  if (causal_) {
    mask = torch::arange(T, positions.options()).le(positions.unsqueeze(1)).view({B, 1, 1, T});
  }
  const auto y = at::scaled_dot_product_attention(q, k, kv[1], mask, is_training() ? dropout_ : 0.0,
                                                  /*is_causal=*/false, /*scale=*/std::nullopt,
                                                  /*enable_gqa=*/G != H);  // (B,H,1,D)
  return proj_(y.reshape({B, H * D}));
}

}  // namespace gptkit
