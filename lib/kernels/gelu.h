#pragma once
// GELU in its tanh form in bfloat16 as one autograd node. LibTorch's own rounds some of its results
// differently with their place in the tensor.

#include <torch/types.h>

namespace gptkit {

/// u bfloat16 (...) -> GELU(u), bfloat16 of the same shape.
torch::Tensor gelu_bfloat16(const torch::Tensor& u);
/// Whether this processor and this tensor have it.
bool fits_gelu_bfloat16(const torch::Tensor& u);

}  // namespace gptkit
