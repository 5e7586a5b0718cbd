#include "nn/mlp.h"

#include "kernels/activation.h"

namespace gptkit {

MlpImpl::MlpImpl(const MlpOptions& options) : gated_(options.kind == MlpKind::kSwiglu) {
  const int64_t C = options.d_model, F = options.d_ff;
  up_ = register_module("up", Linear(C, gated_ ? 2 * F : F, options.bias));
  down_ = register_module("down", Linear(F, C, options.bias));
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  const auto u = up_(x);  // (...,F), gated (...,2F)
  return down_(gated_ ? swiglu(u) : gelu_tanh(u));
}

}  // namespace gptkit
