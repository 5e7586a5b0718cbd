#include "nn/norm.h"

#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rms_norm.h>

#include "kernels/linear.h"
#include "kernels/rms_norm.h"

namespace gptkit {

NormImpl::NormImpl(const NormOptions& options) : epsilon_(options.epsilon) {
  weight = register_parameter("weight", torch::ones({options.width}));
  if (options.kind == NormKind::kRms) return;
  bias = register_parameter("bias", torch::zeros({options.width}));
}

torch::Tensor NormImpl::forward(const torch::Tensor& x) {
  const auto width = weight.sizes();
  if (!bias.defined()) return at::rms_norm(x, width, weight, epsilon_);
  return at::layer_norm(x, width, weight, bias, epsilon_);
}

torch::Tensor NormImpl::before_product(const torch::Tensor& x) {
  if (!bias.defined() && autocast_to_bfloat16() && fits_rms_norm_bfloat16(x, weight)) {
    return rms_norm_bfloat16(x, weight, epsilon_);
  }
  return forward(x);
}

}  // namespace gptkit
