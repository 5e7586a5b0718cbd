#pragma once
// Attention over short sequences in bfloat16, causal or over all tokens, in tiles of 64 queries by
// 64 keys that never leave the cache (the idea of FlashAttention, arXiv:2307.08691), straight from
// and into the fused query-key-value matrix. The sequences lie one behind the other and may differ
// in length.

#include <torch/types.h>

#include <vector>

namespace gptkit {

struct AttentionOutput {
  torch::Tensor y;          // bfloat16 (N,C)
  torch::Tensor logsumexp;  // float32 (H,N): of each query's scaled scores
};

/// Whether heads of this size fit: up to 512.
bool fits_attention_bfloat16(int64_t head_dim);

/// Offsets of B sequences of T tokens each: 0, T ... B T.
std::vector<int64_t> even_offsets(int64_t B, int64_t T);

/// qkv bfloat16 (N,3C): rows of queries, keys and values side by side, H heads each. Sequence b has
/// the rows from offsets[b] to before offsets[b + 1]; the last offset is N. Causal: a token sees
/// those before it; else all of its sequence. What a sequence gets does not depend on the others.
AttentionOutput attention_bfloat16(const torch::Tensor& qkv, at::IntArrayRef offsets, int64_t H,
                                   bool causal = true);

/// dy (N,C) -> the gradient of qkv (N,3C)
torch::Tensor attention_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& qkv,
                                          const AttentionOutput& forward, at::IntArrayRef offsets,
                                          int64_t H, bool causal = true);

/// The same as one autograd node: qkv bfloat16 (...,3C), N rows in all -> (...,C).
torch::Tensor packed_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H, bool causal = true);

}  // namespace gptkit
