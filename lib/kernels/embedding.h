#pragma once
// A table lookup whose gradient touches only the rows that were looked up.

#include <torch/types.h>

namespace gptkit {

/// weight (V,C), ids int64 (...) -> (...,C). Like at::embedding; in float32 on the CPU the backward
/// adds the looked-up rows to the weight's gradient, where LibTorch's fills a (V,C) tensor with
/// zeros and adds all of it. Fails for an id outside the table.
torch::Tensor embedding_lookup(const torch::Tensor& weight, const torch::Tensor& ids);

}  // namespace gptkit
