#pragma once
// Layer norm (arXiv:1607.06450) between a float32 residual stream and a bfloat16 multiplication.

#include <torch/types.h>

#include "kernels/gradient.h"

namespace gptkit::x86 {

struct NormOutput {
  torch::Tensor y;     // bfloat16 (N,C)
  torch::Tensor mean;  // (N)
  torch::Tensor rstd;  // (N) 1 / standard deviation
};

/// x float32 (N,C), weight and bias (C)
NormOutput layer_norm_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, double epsilon);

/// The gradient of the residual stream: in float32, and rounded for the next multiplication.
struct ResidualGradient {
  torch::Tensor full;     // float32 (N,C)
  torch::Tensor rounded;  // bfloat16 (N,C), where wanted
};

/// dy bfloat16 (N,C): the gradient of the norm's output; `passed` float32 (N,C): the gradient that
/// goes around the norm -> the gradient of x, which is the sum of both. Adds the gradients of the
/// weight and the bias. When `inputs` is false, computes those alone.
ResidualGradient layer_norm_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& x,
                                              const NormOutput& forward,
                                              const torch::Tensor& weight,
                                              const torch::Tensor& passed, bool inputs,
                                              bool rounded, Gradient& weight_gradient,
                                              Gradient& bias_gradient);

/// x float32 rounded to bfloat16.
torch::Tensor round_to_bfloat16(const torch::Tensor& x);

}  // namespace gptkit::x86
