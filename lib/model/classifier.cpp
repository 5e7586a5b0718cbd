#include "model/classifier.h"

namespace gptkit {

ClassifierImpl::ClassifierImpl(GPT gpt, int64_t n_class, Pooling pooling, bool head_bias)
    : pooling_(pooling) {
  const int64_t C = gpt->config().d_model;
  gpt_ = register_module("gpt", std::move(gpt));
  head_ = register_module("head", Linear(C, n_class, head_bias));
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& ids, const torch::Tensor& lengths) {
  const auto hidden = gpt_->hidden(ids);  // (B,T,C)
  if (pooling_ == Pooling::kLastPosition) return head_(hidden.select(1, ids.size(1) - 1));
  const auto rows = torch::arange(ids.size(0), ids.options());
  return head_(hidden.index({rows, lengths - 1}));  // (B,C) -> (B,n_class)
}

}  // namespace gptkit
