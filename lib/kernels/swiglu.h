#pragma once
// SwiGLU (arXiv:2002.05202) in bfloat16 as one autograd node with one rounding.

#include <torch/types.h>

namespace gptkit {

/// Whether swiglu_bfloat16 takes it: bfloat16 on a processor that has the products, halves of 16
/// numbers.
bool fits_swiglu_bfloat16(const torch::Tensor& gate_up);

/// gate_up bfloat16 (...,2F), the gate's numbers and then the others -> silu(gate) * up (...,F).
torch::Tensor swiglu_bfloat16(const torch::Tensor& gate_up);

}  // namespace gptkit
