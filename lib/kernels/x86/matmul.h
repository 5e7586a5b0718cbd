#pragma once
// Matrix multiplication in bfloat16 with float32 sums. It reads a weight as the float32 master that
// the optimizer updates and rounds it while packing, so there is no bfloat16 copy of it. What
// follows a multiplication (bias, GELU, the residual sum) happens while the tile is in the cache.
// The inner loop is oneDNN's (at::native::cpublas::brgemm), which uses AMX or AVX-512 BF16.

#include <torch/types.h>

#include "kernels/gradient.h"

namespace gptkit::x86 {

// x, y, u, dy ... are contiguous bfloat16 (N, features), the features multiples of kMatmulStep
// (kernels/matmul.h); weight (O,I) and bias (O, may be undefined) are contiguous float32.

/// x (N,I) -> x W^T + b (N,O)
torch::Tensor linear_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias);

/// x W^T + u b^T + bias, for a low-rank adapter: u (N,P), b (O,P), P a multiple of kMatmulStep.
torch::Tensor linear_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, const torch::Tensor& u,
                              const torch::Tensor& b);

/// x (N,I) -> u = x W^T + b, which only a backward pass needs, and GELU(u) in its tanh form,
/// (N,O) each
struct GeluOutput {
  torch::Tensor before, after;
};
GeluOutput linear_gelu_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                                const torch::Tensor& bias, bool keep_before);

/// x (N,I), residual float32 (N,O) -> residual + x W^T + b, float32 (N,O)
torch::Tensor linear_residual_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                                       const torch::Tensor& bias, const torch::Tensor& residual);

/// dy (N,O) -> dy W (N,I)
torch::Tensor linear_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& weight);

/// dy (N,O), du (N,P), a (P,I) -> dy W + du a (N,I)
torch::Tensor linear_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& weight,
                                       const torch::Tensor& du, const torch::Tensor& a);

/// dy (N,O), u (N,I) -> dy W times GELU's slope at u (N,I), and GELU(u) again
GeluOutput linear_gelu_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& weight,
                                         const torch::Tensor& u);

/// Adds dy^T x (O,I) and dy's column sums (O) to the gradients that are wanted.
void add_weight_gradient_bfloat16(const torch::Tensor& dy, const torch::Tensor& x, Gradient& weight,
                                  Gradient& bias);

}  // namespace gptkit::x86
