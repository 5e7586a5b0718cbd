#pragma once
// Rotary positions (arXiv:2104.09864) and grouped queries (arXiv:2305.13245) on the way from the
// fused product to the attention, in bfloat16 as one autograd node.

#include <torch/types.h>

namespace gptkit {

/// How many heads the queries have, and the keys and values each.
struct HeadCounts {
  int64_t query, key_value;
};

/// qkv bfloat16 (...,(H + 2 G) D), N rows in all: H heads of queries, G of keys, G of values -> all
/// with H heads, keys and values repeated for the queries that share them: (...,3 H D). Queries and
/// keys are turned by the angles whose cosines and sines, float32 (R,D/2), are those of row n % R.
/// On a processor where has_bfloat16_gemm().
torch::Tensor rotate_heads_bfloat16(const torch::Tensor& qkv, HeadCounts heads,
                                    const torch::Tensor& cos, const torch::Tensor& sin);

}  // namespace gptkit
