#pragma once
// y = x W^T + b in autocast's dtype (https://docs.pytorch.org/docs/stable/amp.html), alone or with
// a low-rank adapter.
//
// Shapes     x (...,I), W (O,I), b (O) or undefined -> y (...,O)
// dtypes     under autocast to bfloat16, with W and b float32 on the CPU: x and W are rounded to
//            bfloat16, sums are float32, y is bfloat16. Otherwise as at::linear.
// tolerance  of the exact product of the rounded factors, relative to the largest result: one
//            rounding of y (1/256), gradients likewise
// property   a row of a variant's y depends on its own row of x alone, to the bit; LibTorch's own
//            bfloat16 matmul, which is the reference, rounds differently with the number of rows.
// gradient   of parameters that are leaves: added to .grad directly (kernels/gradient.h)

#include <torch/types.h>

namespace gptkit {

/// Variants take widths that are multiples of this; other widths are padded with zeros.
inline constexpr int64_t kMatmulStep = 32;

/// x W^T + b
torch::Tensor autocast_linear(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias);

/// The same for a frozen layer with a low-rank adapter (LoRA, arXiv:2106.09685): a (P,I), b (O,P)
/// -> x W^T + (x a^T) b^T + bias. A variant rounds the sum once, the reference each term. The
/// weight and the bias get no gradient. P is a multiple of kMatmulStep.
torch::Tensor autocast_lora_linear(const torch::Tensor& x, const torch::Tensor& weight,
                                   const torch::Tensor& bias, const torch::Tensor& a,
                                   const torch::Tensor& b);

/// Whether a variant of autocast_lora_linear runs for these inputs under the autocast of now.
bool fits_lora_linear(const torch::Tensor& x, const torch::Tensor& weight,
                      const torch::Tensor& bias);

/// Whether autocast to bfloat16 is on for the processor.
bool autocast_to_bfloat16();

}  // namespace gptkit
