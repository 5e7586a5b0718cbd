#include "model/linear.h"

namespace gptkit {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias) {
  weight = register_parameter("weight", torch::empty({out_features, in_features}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out_features}));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  const auto y = at::linear(x, weight, bias);
  return lora_ ? y + lora_(x) : y;
}

void LinearImpl::set_lora(const Lora& lora) {
  if (lora_) unregister_module("lora");
  lora_ = lora;
  if (lora_) register_module("lora", lora_);
}

}  // namespace gptkit
