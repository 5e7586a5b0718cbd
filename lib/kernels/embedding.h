#pragma once
// A table lookup whose gradient touches only the rows that were looked up.
//
// Shapes     weight (V,C), ids int64 (...) -> (...,C)
// dtypes     any; with a float32 weight on the CPU that learns, the backward is our own portable
// C++ tolerance  the values are exact; gradients 1e-6 of the largest gradient   added to .grad
// where the weight is a leaf (kernels/gradient.h). LibTorch's backward
//            fills a (V,C) tensor with zeros and adds all of it.

#include <torch/types.h>

namespace gptkit {

/// Fails for an id outside the table.
torch::Tensor embedding_lookup(const torch::Tensor& weight, const torch::Tensor& ids);

}  // namespace gptkit
