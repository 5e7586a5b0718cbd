#include "nn/linear.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kernels/matmul.h"
#include "kernels/quantized_matmul.h"

namespace gptkit {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias)
    : in_(in_features), out_(out_features) {
  weight = register_parameter("weight", torch::empty({out_features, in_features}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out_features}));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  if (!quantized_.empty()) {
    const auto y = quantized_rows(x, 0, out_);
    return lora_ ? y + lora_(x) : y;
  }
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
  const auto weights =
      quantized_.empty() ? weight.split_with_sizes(sizes) : std::vector<torch::Tensor>();
  const auto biases =
      bias.defined() ? bias.split_with_sizes(sizes) : std::vector<torch::Tensor>(sizes.size());
  std::vector<torch::Tensor> outputs;
  int64_t begin = 0;
  for (size_t i = 0; i < sizes.size(); begin += sizes[i++]) {
    outputs.push_back(quantized_.empty() ? autocast_linear(inputs[i], weights[i], biases[i])
                                         : quantized_rows(inputs[i], begin, sizes[i]));
    if (lora_) outputs.back() = outputs.back() + lora_->forward_rows(inputs[i], begin, sizes[i]);
  }
  return outputs;
}

torch::Tensor LinearImpl::quantized_rows(const torch::Tensor& x, int64_t begin,
                                         int64_t count) const {
  std::vector<torch::Tensor> outputs;
  int64_t row = 0;  // of the layer, where the part begins
  for (const auto& part : quantized_) {
    const int64_t first = std::max(begin, row), last = std::min(begin + count, row + part.rows());
    if (first < last) {
      outputs.push_back(quantized_matmul(x, part.slice(first - row, last - first)));
    }
    row += part.rows();
  }
  const auto y = outputs.size() == 1 ? outputs.front() : at::cat(outputs, -1);
  return bias.defined() ? y + bias.narrow(0, begin, count).to(y.scalar_type()) : y;
}

void LinearImpl::set_quantized(std::vector<QuantizedTensor> parts) {
  int64_t rows = 0;
  for (const auto& part : parts) {
    require(part.columns() == in_, "a quantised weight of ", part.rows(), " x ", part.columns(),
            " does not fit a layer with ", in_, " inputs");
    rows += part.rows();
  }
  require(rows == out_, "quantised weights of ", rows, " rows do not fit a layer with ", out_,
          " outputs");
  quantized_ = std::move(parts);
  weight = torch::Tensor();
  parameters_["weight"] = weight;
}

torch::Tensor LinearImpl::dense_weight() const {
  if (quantized_.empty()) return weight;
  std::vector<torch::Tensor> parts;
  for (const auto& part : quantized_) parts.push_back(part.dequantize());
  return at::cat(parts);
}

void LinearImpl::set_lora(const Lora& lora) {
  if (lora_) unregister_module("lora");
  lora_ = lora;
  if (lora_) register_module("lora", lora_);
}

}  // namespace gptkit
