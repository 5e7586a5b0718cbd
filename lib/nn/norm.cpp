#include "nn/norm.h"

#include "kernels/norm.h"

namespace gptkit {

NormImpl::NormImpl(const NormOptions& options) : epsilon_(options.epsilon) {
  weight = register_parameter("weight", torch::ones({options.width}));
  if (options.kind == NormKind::kRms) return;
  bias = register_parameter("bias", torch::zeros({options.width}));
}

torch::Tensor NormImpl::forward(const torch::Tensor& x) {
  if (!bias.defined()) return rms_norm(x, weight, epsilon_);
  return layer_norm(x, weight, bias, epsilon_);
}

torch::Tensor NormImpl::before_matmul(const torch::Tensor& x) {
  return bias.defined() ? forward(x) : rms_norm_for_matmul(x, weight, epsilon_);
}

}  // namespace gptkit
