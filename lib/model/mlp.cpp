#include "model/mlp.h"

#include <ATen/ops/gelu.h>

namespace gptkit {

MlpImpl::MlpImpl(const ModelConfig& config) {
  up_ = register_module("up", Linear(config.d_model, config.feed_forward(), true));
  down_ = register_module("down", Linear(config.feed_forward(), config.d_model, true));
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) { return down_(at::gelu(up_(x), "tanh")); }

}  // namespace gptkit
