#pragma once
// kernels/attention.h in bfloat16, in tiles of 64 queries by 64 keys that never leave the cache
// (the idea of FlashAttention, arXiv:2307.08691), straight from and into the fused query-key-value
// matrix. For short sequences: a thread keeps the keys and values of a whole head.

#include <torch/types.h>

namespace gptkit::x86 {

struct AttentionOutput {
  torch::Tensor y;          // bfloat16 (N,C)
  torch::Tensor logsumexp;  // float32 (H,N): of each query's scaled scores
};

/// qkv bfloat16 (N,3C): rows of queries, keys and values side by side, H heads each. Sequence b has
/// the rows from offsets[b] to before offsets[b + 1]; the last offset is N. Heads of up to 512.
AttentionOutput attention_bfloat16(const torch::Tensor& qkv, at::IntArrayRef offsets, int64_t H,
                                   bool causal = true);

/// dy (N,C) -> the gradient of qkv (N,3C)
torch::Tensor attention_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& qkv,
                                          const AttentionOutput& forward, at::IntArrayRef offsets,
                                          int64_t H, bool causal = true);

}  // namespace gptkit::x86
