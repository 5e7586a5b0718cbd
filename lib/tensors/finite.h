#pragma once
// Checks that weights, gradients and results are finite.

#include <torch/types.h>

#include <string>

namespace gptkit {

/// Whether a floating-point tensor has no NaN and no infinity; true for other dtypes. Unlike
/// at::isfinite it allocates no tensor.
bool all_finite(const torch::Tensor& tensor);

/// Fails (kRuntime) unless a model's results are finite: matrix multiplications with finite weights
/// can still overflow. `model` is the place where it was opened; empty: not from a file.
void require_finite_results(const torch::Tensor& results, const std::string& model);

}  // namespace gptkit
