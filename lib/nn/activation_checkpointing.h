#pragma once
// Activation checkpointing (arXiv:1604.06174): a layer's inner activations are not kept after the
// forward pass; the backward pass computes them again.

#include <torch/types.h>

#include <functional>

namespace gptkit {

/// layer(x). Only x is kept until the backward pass, which runs the layer again with the same
/// random numbers and under the same autocast, so results and gradients are the same to the bit.
/// Gradients of what the layer captures (its parameters) are accumulated as usual.
torch::Tensor checkpointed(std::function<torch::Tensor(const torch::Tensor&)> layer,
                           const torch::Tensor& x);

}  // namespace gptkit
