#pragma once
// Every operation of this folder in LibTorch's own functions: the mathematics that the headers
// state, what runs where a processor has no variant, and what each variant is tested against. Any
// dtype, float64 included, and any device, but where a header says otherwise; autograd
// differentiates all but the quantised products.

#include <torch/types.h>

#include "tensors/quantized_tensor.h"

namespace gptkit::reference {

/// x float32 (N,I), W (O,I) -> x W^T float32 (N,O), without a graph
torch::Tensor quantized_matmul(const torch::Tensor& x, const QuantizedTensor& weight);
/// dy float32 (N,O), W (O,I) -> dy W float32 (N,I)
torch::Tensor quantized_matmul_backward(const torch::Tensor& dy, const QuantizedTensor& weight);

}  // namespace gptkit::reference
