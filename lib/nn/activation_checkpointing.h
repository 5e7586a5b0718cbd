#pragma once
// Activation recompute (arXiv:1604.06174): a layer's inner results are thrown away after the
// forward pass and worked out again when the backward pass reaches it.

#include <torch/types.h>

#include <functional>

namespace gptkit {

/// layer(x), of which only x is kept until the backward pass. That runs the layer again, with the
/// same random numbers and under the same autocast, so results and gradients are the same.
/// Gradients of what the layer captures (its parameters) are accumulated as usual.
torch::Tensor recompute(std::function<torch::Tensor(const torch::Tensor&)> layer,
                        const torch::Tensor& x);

}  // namespace gptkit
