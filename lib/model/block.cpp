#include "model/block.h"

#include <ATen/ops/dropout.h>

namespace gptkit {

BlockImpl::BlockImpl(const ModelConfig& config) : dropout_(config.dropout) {
  norm1_ = register_module("norm1", Norm(config));
  attention_ = register_module("attention", Attention(config));
  norm2_ = register_module("norm2", Norm(config));
  mlp_ = register_module("mlp", Mlp(config));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x, LayerCache* cache,
                                 const Rotation* rotation) {
  auto h = x + at::dropout(attention_(norm1_(x), cache, rotation), dropout_, is_training());
  return h + at::dropout(mlp_(norm2_(h)), dropout_, is_training());
}

}  // namespace gptkit
