#pragma once
// A whole GPT-2 block in bfloat16 as one autograd node with its backward written out: the sums
// around the matrix products (norms, GELU, residuals, casts) cost more than half of such a step
// when each is an operation of its own.

#include <torch/types.h>

#include <vector>

namespace gptkit {

/// float32 parameters of x + attention(norm1(x)), then x + mlp(norm2(x)); matrices (out, in).
struct Gpt2BlockWeights {
  torch::Tensor norm1_weight, norm1_bias, qkv_weight, qkv_bias, proj_weight, proj_bias;
  torch::Tensor norm2_weight, norm2_bias, up_weight, up_bias, down_weight, down_bias;
};

/// Whether gpt2_block can stand in for the modules: a processor that has the products, and a shape
/// that fits them.
bool fits_gpt2_block(const torch::Tensor& x, const Gpt2BlockWeights& weights, int64_t n_head);

/// x float32 (...,C), N rows in all, sequences at `offsets` as in kernels/attention_bfloat16.h ->
/// float32 (...,C), causal, no dropout. Products take bfloat16 and sum in float32; the residual
/// stream stays float32, as under PyTorch's autocast. Gradients of parameters that are leaves are
/// added to .grad directly (kernels/gradient.h).
torch::Tensor gpt2_block(const torch::Tensor& x, const std::vector<int64_t>& offsets,
                         const Gpt2BlockWeights& weights, int64_t n_head, double epsilon);

}  // namespace gptkit
