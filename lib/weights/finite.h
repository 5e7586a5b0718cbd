#pragma once
// The check for damage that weights and gradients share.

#include <torch/types.h>

namespace gptkit {

/// No NaN and no infinity anywhere in a tensor of real numbers; of anything else true. Takes no
/// memory of the tensor's size, as at::isfinite does.
bool all_finite(const torch::Tensor& tensor);

}  // namespace gptkit
