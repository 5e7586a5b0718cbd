#include "nn/attention.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>
#include <limits>
#include <optional>

#include "kernels/attention.h"
#include "kernels/rotary.h"

namespace gptkit {

namespace {

/// Whether rotate_heads and packed_attention have variants that take it.
bool fits_kernels(const torch::Tensor& qkv, int64_t head_dim, const Rotation* rotation) {
  return fits_packed_attention(qkv, head_dim) &&
         (!rotation || rotation->cos.scalar_type() == torch::kFloat32);
}

}  // namespace

AttentionImpl::AttentionImpl(const AttentionOptions& options)
    : n_head_(options.n_head),
      n_kv_head_(options.n_kv_head),
      head_dim_(options.d_head),
      dropout_(options.dropout),
      causal_(options.causal) {
  const int64_t rows = (n_head_ + 2 * n_kv_head_) * head_dim_;
  qkv_ = register_module("qkv", Linear(options.d_model, rows, options.qkv_bias));
  proj_ = register_module("proj", Linear(n_head_ * head_dim_, options.d_model, options.proj_bias));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x, LayerCache* cache,
                                     const Rotation* rotation, const Packing* packing) {
  const int64_t B = x.size(0), T = x.size(1), H = n_head_, G = n_kv_head_, D = head_dim_;
  const auto qkv = qkv_(x);
  const bool plain = !cache && (dropout_ == 0 || !is_training());
  if (plain && (rotation || G == H) && fits_kernels(qkv, D, rotation)) {
    const auto offsets = packing ? packing->offsets() : even_offsets(B, T);
    const auto heads = rotation ? rotate_heads(qkv, {H, G}, rotation->cos, rotation->sin) : qkv;
    return proj_(packed_attention(heads, offsets, H, causal_));
  }
  const auto parts = qkv.split_with_sizes({H * D, G * D, G * D}, -1);
  const auto heads = [&](const torch::Tensor& t, int64_t n) {
    return t.view({B, T, n, D}).transpose(1, 2);  // (B,n,T,D)
  };
  auto q = heads(parts[0], H);                          // (B,H,T,D)
  auto k = heads(parts[1], G), v = heads(parts[2], G);  // (B,G,T,D)
  if (rotation) {
    q = rotate(q, *rotation);
    k = rotate(k, *rotation);
  }
  const auto attend = [&](const std::optional<torch::Tensor>& mask, bool is_causal) {
    return at::scaled_dot_product_attention(q, k, v, mask, is_training() ? dropout_ : 0.0,
                                            is_causal, /*scale=*/std::nullopt,
                                            /*enable_gqa=*/G != H)
        .transpose(1, 2);  // (B,T,H,D)
  };
  if (packing) {
    for (auto* t : {&q, &k, &v}) *t = packing->pad((*t)[0].transpose(0, 1)).transpose(1, 2);
    const auto y = packing->unpad(attend(causal_ ? std::nullopt : packing->mask(), causal_));
    return proj_(y.reshape({1, T, H * D}));
  }
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,G,S,D)

  // A single query attends to every key, so it needs no mask. is_causal aligns the mask with the
  // first key, which is wrong for S > T: later chunks get an explicit mask.
  const int64_t S = k.size(2);
  std::optional<torch::Tensor> mask;
  if (causal_ && T > 1 && S > T) {
    mask = torch::ones({T, S}, x.options().dtype(torch::kBool)).tril(/*diagonal=*/S - T);
  }
  return proj_(attend(mask, /*is_causal=*/causal_ && T > 1 && S == T).reshape({B, T, H * D}));
}

torch::Tensor AttentionImpl::forward_at(const torch::Tensor& x, const Packing& packing,
                                        const torch::Tensor& rows, const Rotation* rotation) {
  const int64_t B = rows.size(0), N = x.size(0), T = packing.longest();
  const int64_t H = n_head_, G = n_kv_head_, D = head_dim_;
  const auto parts = qkv_->forward_parts({x.index_select(0, rows), x}, {H * D, 2 * G * D});
  auto q = parts[0].view({B, H, D});
  const auto kv = parts[1].view({N, 2 * G, D}).chunk(2, 1);
  auto k = kv[0];  // (N,G,D)
  if (rotation) {
    const auto turned = [&](const torch::Tensor& heads, const Rotation& by) {
      return rotate(heads, {by.cos.unsqueeze(1), by.sin.unsqueeze(1)});
    };
    q = turned(q, {rotation->cos.index_select(0, rows), rotation->sin.index_select(0, rows)});
    k = turned(k, *rotation);
  }
  const auto keys = packing.pad(k).transpose(1, 2), values = packing.pad(kv[1]).transpose(1, 2);
  // One query per text is little work, so sums are float64 and rounded once: they do not depend on
  // their order, and neither other texts nor padding change a bit of the result. Queries
  // (B,G,H/G,1,D) are multiplied with the keys (B,G,1,T,D) that they share.
  const auto sum = [](const torch::Tensor& t, int64_t dim) {
    return t.sum(dim, /*keepdim=*/false, torch::kFloat64).to(torch::kFloat32);
  };
  const auto queries = q.view({B, G, H / G, 1, D}).to(torch::kFloat32);
  auto scores = sum(queries * keys.unsqueeze(2), -1) / std::sqrt(static_cast<double>(D));
  const auto seen = packing.positions().index_select(0, causal_ ? rows : packing.last_rows());
  const auto hidden = torch::arange(T, rows.options()).gt(seen.unsqueeze(1));  // (B,T)
  scores = scores.masked_fill(hidden.view({B, 1, 1, T}), -std::numeric_limits<float>::infinity());
  const auto weights = at::dropout(scores.softmax(-1), dropout_, is_training());  // (B,G,H/G,T)
  const auto y = sum(weights.unsqueeze(-1) * values.unsqueeze(2), -2).to(x.scalar_type());
  return proj_(y.reshape({B, H * D}));
}

}  // namespace gptkit
