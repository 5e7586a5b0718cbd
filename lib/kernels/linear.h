#pragma once
// y = x W^T + b under autocast to bfloat16 (https://docs.pytorch.org/docs/stable/amp.html) as one
// autograd node. LibTorch's own casts the weight for every product, packs it again, and rounds
// differently with the number of rows; here a row's result does not depend on the other rows.

#include <torch/types.h>

namespace gptkit {

/// x (...,I), weight (O,I), bias (O) or undefined -> (...,O). Within autocast to bfloat16, where
/// the processor has such products, y is bfloat16 (the sums are float32)
/// and the gradients of parameters that are leaves are added to .grad directly
/// (kernels/gradient.h); everywhere else this is at::linear.
torch::Tensor autocast_linear(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias);

/// The same for a frozen layer with a low-rank adapter beside it (LoRA, arXiv:2106.09685):
/// a (P,I), b (O,P), P a multiple of 32 -> x W^T + (x a^T) b^T + bias, rounded once. Only where
/// fits_lora_linear() says so; the weight and the bias get no gradient.
torch::Tensor autocast_lora_linear(const torch::Tensor& x, const torch::Tensor& weight,
                                   const torch::Tensor& bias, const torch::Tensor& a,
                                   const torch::Tensor& b);
bool fits_lora_linear(const torch::Tensor& x, const torch::Tensor& weight,
                      const torch::Tensor& bias);

/// Whether autocast to bfloat16 is on for the processor.
bool autocast_to_bfloat16();

}  // namespace gptkit
