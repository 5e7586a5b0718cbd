#pragma once
// Rotary positions (arXiv:2104.09864) and grouped queries (arXiv:2305.13245) on the way from the
// fused projection to the attention: halves (a, b) of each query and key become
// (a cos - b sin, b cos + a sin); keys and values are repeated for the queries that share them.
//
// Shapes     qkv (...,(H + 2G) D), N rows in all: H heads of queries, G of keys, G of values;
//            cos, sin (R,D/2), row n takes row n % R of them -> (...,3 H D)
// dtypes     variants take qkv bfloat16 and cos, sin float32 on the CPU and round once; the
//            reference takes all
// tolerance  relative to the largest result, in bfloat16: one rounding (1/256), gradients likewise

#include <torch/types.h>

namespace gptkit {

/// Number of query heads, and of key heads (as many as value heads).
struct HeadCounts {
  int64_t query, key_value;
};

torch::Tensor rotate_heads(const torch::Tensor& qkv, HeadCounts heads, const torch::Tensor& cos,
                           const torch::Tensor& sin);

}  // namespace gptkit
