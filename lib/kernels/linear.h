#pragma once
// y = x W^T + b under autocast to bfloat16 (https://docs.pytorch.org/docs/stable/amp.html) as one
// autograd node. LibTorch's own casts the weight for every product, packs it again, and rounds
// differently with the number of rows; here a row's result does not depend on the other rows.

#include <torch/types.h>

namespace gptkit {

/// x (...,I), weight (O,I), bias (O) or undefined -> (...,O). Within autocast to bfloat16, where
/// the processor has such products and the layer fits them, y is bfloat16 (the sums are float32)
/// and the gradients of parameters that are leaves are added to .grad directly
/// (kernels/gradient.h); everywhere else this is at::linear.
torch::Tensor autocast_linear(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias);

/// Whether autocast to bfloat16 is on for the processor.
bool autocast_to_bfloat16();

}  // namespace gptkit
