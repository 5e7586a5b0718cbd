#pragma once
// A whole GPT-2 block: h = x + attention(norm1(x)), then h + mlp(norm2(h)), causal, without
// dropout, with GELU in its tanh form. As one autograd node whose backward is written out: norms,
// GELU, residual sums and casts cost more than half of a training step when each is an operation of
// its own.
//
// Shapes     x (...,C), N rows in all, sequences at `offsets` as in kernels/attention.h -> (...,C)
// dtypes     variants take float32 on the CPU; matrices are rounded to bfloat16 with float32 sums,
//            the residual stream stays float32, as under PyTorch's autocast. The reference computes
//            in the dtype of x, or autocast's.
// tolerance  of the float32 result, relative to its largest element: 2 %, gradients 4 %
// gradient   of parameters that are leaves: added to .grad directly (kernels/gradient.h)

#include <torch/types.h>

#include <vector>

namespace gptkit {

/// Matrices (out,in), vectors (out). qkv_bias may be undefined.
struct Gpt2BlockWeights {
  torch::Tensor norm1_weight, norm1_bias, qkv_weight, qkv_bias, proj_weight, proj_bias;
  torch::Tensor norm2_weight, norm2_bias, up_weight, up_bias, down_weight, down_bias;
};

torch::Tensor gpt2_block(const torch::Tensor& x, const std::vector<int64_t>& offsets,
                         const Gpt2BlockWeights& weights, int64_t n_head, double epsilon);

/// Whether a variant of gpt2_block takes them.
bool fits_gpt2_block(const torch::Tensor& x, const Gpt2BlockWeights& weights, int64_t n_head);

}  // namespace gptkit
