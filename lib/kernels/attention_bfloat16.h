#pragma once
// Causal attention over short sequences in bfloat16, in tiles of 64 queries by 64 keys that never
// leave the cache (the idea of FlashAttention, arXiv:2307.08691), straight from and into the fused
// query-key-value matrix.

#include <torch/types.h>

namespace gptkit {

struct AttentionOutput {
  torch::Tensor y;          // bfloat16 (N,C)
  torch::Tensor logsumexp;  // float32 (B,H,T): of each query's scaled scores
};

/// Whether heads of this size fit.
bool fits_attention_bfloat16(int64_t head_dim);

/// qkv bfloat16 (N,3C), N = B T rows of queries, keys and values side by side, H heads each.
AttentionOutput causal_attention_bfloat16(const torch::Tensor& qkv, int64_t B, int64_t H);

/// dy (N,C) -> the gradient of qkv (N,3C)
torch::Tensor causal_attention_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& qkv,
                                                 const AttentionOutput& forward, int64_t B,
                                                 int64_t H);

/// The same as one autograd node: qkv bfloat16 (B,T,3C), H heads -> (B,T,C).
torch::Tensor causal_attention(const torch::Tensor& qkv, int64_t H);

}  // namespace gptkit
