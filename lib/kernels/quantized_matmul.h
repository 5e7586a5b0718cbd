#pragma once
// y = x W^T with W in GGML's blocks (base/quantization.h), decoded a few rows at a time: the matrix
// never exists in float32, so a step of decoding reads 4 to 8 bits an element from memory.
//
// Shapes     x (...,I), W (O,I) -> y (...,O)
// dtypes     x float32, bfloat16 or float16 on the CPU; sums in float32; y as x
// tolerance  of W's float32 values and at::linear, relative to the largest result: 1e-5 in float32,
//            one rounding of y in the others
// gradient   of x alone: dy W. W is frozen.

#include <torch/types.h>

#include "tensors/quantized_tensor.h"

namespace gptkit {

/// Fails for a device other than the CPU and for an x that does not have W's columns. Autocast
/// changes nothing here.
torch::Tensor quantized_matmul(const torch::Tensor& x, const QuantizedTensor& weight);

}  // namespace gptkit
