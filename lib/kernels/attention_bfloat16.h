#pragma once
// Causal attention over short sequences in bfloat16, in tiles of 64 queries by 64 keys that never
// leave the cache (the idea of FlashAttention, arXiv:2307.08691), straight from and into the fused
// query-key-value matrix. The sequences lie one behind the other and may differ in length.

#include <torch/types.h>

#include <vector>

namespace gptkit {

struct AttentionOutput {
  torch::Tensor y;          // bfloat16 (N,C)
  torch::Tensor logsumexp;  // float32 (H,N): of each query's scaled scores
};

/// Whether heads of this size fit.
bool fits_attention_bfloat16(int64_t head_dim);

/// Offsets of B sequences of T tokens each: 0, T ... B T.
std::vector<int64_t> even_offsets(int64_t B, int64_t T);

/// qkv bfloat16 (N,3C): rows of queries, keys and values side by side, H heads each. Sequence b has
/// the rows from offsets[b] to before offsets[b + 1]; the last offset is N.
AttentionOutput causal_attention_bfloat16(const torch::Tensor& qkv, at::IntArrayRef offsets,
                                          int64_t H);

/// dy (N,C) -> the gradient of qkv (N,3C)
torch::Tensor causal_attention_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& qkv,
                                                 const AttentionOutput& forward,
                                                 at::IntArrayRef offsets, int64_t H);

/// The same as one autograd node: qkv bfloat16 (...,3C), N rows in all -> (...,C).
torch::Tensor causal_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H);

}  // namespace gptkit
