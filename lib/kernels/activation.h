#pragma once
// The functions between a feed-forward's two layers.
//
// Shapes     element by element; swiglu halves the last dimension
// dtypes     variants take bfloat16 on the CPU, compute in float32 and round once; the reference
//            takes all
// tolerance  relative to the largest result, in bfloat16: one rounding (1/256), gradients likewise
// property   an element of a variant's result does not depend on its place in the tensor; some
//            elements of LibTorch's own GELU in bfloat16, which is the reference, do

#include <torch/types.h>

namespace gptkit {

/// GELU (arXiv:1606.08415) in its tanh form: u (1 + tanh(sqrt(2/pi) (u + 0.044715 u^3))) / 2
torch::Tensor gelu_tanh(const torch::Tensor& u);

/// SwiGLU (arXiv:2002.05202): gate_up (...,2F), the gate's elements first -> silu(gate) * up
/// (...,F)
torch::Tensor swiglu(const torch::Tensor& gate_up);

}  // namespace gptkit
