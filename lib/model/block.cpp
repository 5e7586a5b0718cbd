#include "model/block.h"

#include <ATen/ops/dropout.h>

namespace gptkit {

BlockImpl::BlockImpl(const ModelConfig& config) : dropout_(config.dropout) {
  const auto norm = torch::nn::LayerNormOptions({config.d_model}).eps(config.norm_epsilon);
  norm1_ = register_module("norm1", torch::nn::LayerNorm(norm));
  attention_ = register_module("attention", Attention(config));
  norm2_ = register_module("norm2", torch::nn::LayerNorm(norm));
  mlp_ = register_module("mlp", Mlp(config));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x, LayerCache* cache) {
  auto h = x + at::dropout(attention_(norm1_(x), cache), dropout_, is_training());
  return h + at::dropout(mlp_(norm2_(h)), dropout_, is_training());
}

}  // namespace gptkit
