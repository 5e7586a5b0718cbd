#pragma once
// RMS norm (arXiv:1910.07467) between a float32 residual stream and a bfloat16 product, as one
// autograd node: LibTorch's own is six passes over the numbers.

#include <torch/types.h>

namespace gptkit {

/// Whether rms_norm_bfloat16 takes them: on a processor that has the products, float32, rows of 16
/// numbers.
bool fits_rms_norm_bfloat16(const torch::Tensor& x, const torch::Tensor& weight);

/// x float32 (...,C), weight (C) -> x / sqrt(mean(x^2) + epsilon) * weight, rounded to bfloat16
/// (...,C). The gradient of a weight that is a leaf is added to .grad (kernels/gradient.h).
torch::Tensor rms_norm_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                                double epsilon);

}  // namespace gptkit
