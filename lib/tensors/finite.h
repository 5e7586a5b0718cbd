#pragma once
// The check for damage that weights and gradients share.

#include <torch/types.h>

#include <string>

namespace gptkit {

/// Whether a floating-point tensor has no NaN and no infinity; true for other dtypes. Unlike
/// at::isfinite it allocates no tensor.
bool all_finite(const torch::Tensor& tensor);

/// Fails (kRuntime) unless a model's results are finite: weights that are finite can still overflow
/// in its products. `model` is where it was opened; empty: not from a file.
void require_finite_results(const torch::Tensor& results, const std::string& model);

}  // namespace gptkit
