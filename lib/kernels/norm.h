#pragma once
// The norms of the residual stream.
//
// Shapes     x (...,C), weight and bias (C) -> (...,C)
// dtypes     as LibTorch's; rms_norm_for_matmul may round to bfloat16
// tolerance  of rms_norm_for_matmul, relative to the largest result: one rounding (1/256); its
//            gradients, in float32, 1e-5

#include <torch/types.h>

namespace gptkit {

/// Layer norm (arXiv:1607.06450): (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& weight,
                         const torch::Tensor& bias, double epsilon);

/// RMS norm (arXiv:1910.07467): x / sqrt(mean(x^2) + epsilon) * weight
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

/// The same for the input of a matrix multiplication. Under autocast to bfloat16, which rounds that
/// input, a variant rounds the result itself: float32 x with C a multiple of 16 -> bfloat16. The
/// gradient of a weight that is a leaf is added to .grad (kernels/gradient.h).
torch::Tensor rms_norm_for_matmul(const torch::Tensor& x, const torch::Tensor& weight,
                                  double epsilon);

}  // namespace gptkit
