#include "nn/linear.h"

#include "kernels/linear.h"

namespace gptkit {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias) {
  weight = register_parameter("weight", torch::empty({out_features, in_features}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out_features}));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  if (lora_ && !lora_->drops_out() && fits_lora_linear(x, weight, bias)) {
    const auto [a, b] = lora_->whole();
    return autocast_lora_linear(x, weight, bias, a, b);
  }
  const auto y = autocast_linear(x, weight, bias);
  return lora_ ? y + lora_(x) : y;
}

std::vector<torch::Tensor> LinearImpl::forward_parts(const std::vector<torch::Tensor>& inputs,
                                                     const std::vector<int64_t>& sizes) {
  // One split, not slice by slice: its backward writes the weight's gradient once.
  const auto weights = weight.split_with_sizes(sizes);
  const auto biases =
      bias.defined() ? bias.split_with_sizes(sizes) : std::vector<torch::Tensor>(sizes.size());
  std::vector<torch::Tensor> outputs;
  int64_t begin = 0;
  for (size_t i = 0; i < sizes.size(); begin += sizes[i++]) {
    outputs.push_back(autocast_linear(inputs[i], weights[i], biases[i]));
    if (lora_) outputs.back() = outputs.back() + lora_->forward_rows(inputs[i], begin, sizes[i]);
  }
  return outputs;
}

void LinearImpl::set_lora(const Lora& lora) {
  if (lora_) unregister_module("lora");
  lora_ = lora;
  if (lora_) register_module("lora", lora_);
}

}  // namespace gptkit
