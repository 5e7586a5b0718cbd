#include "model/classifier.h"

namespace gptkit {

ClassifierImpl::ClassifierImpl(GPT gpt, int64_t n_class, Pooling pooling, bool head_bias)
    : pooling_(pooling) {
  const int64_t C = gpt->config().d_model;
  gpt_ = register_module("gpt", std::move(gpt));
  head_ = register_module("head", Linear(C, n_class, head_bias));
}

torch::Tensor ClassifierImpl::pooled(const torch::Tensor& hidden,
                                     const torch::Tensor& lengths) const {
  const int64_t B = hidden.size(0), T = hidden.size(1);
  switch (pooling_) {
    case Pooling::kLastPosition:
      return hidden.select(1, T - 1);  // (B,T,C) -> (B,C)
    case Pooling::kFirstToken:
      return hidden.select(1, 0);
    case Pooling::kLastToken:
      return hidden.index({torch::arange(B, lengths.options()), lengths - 1});
    case Pooling::kMean: {
      const auto real = torch::arange(T, lengths.options()).lt(lengths.unsqueeze(1));  // (B,T)
      const auto sum = (hidden * real.unsqueeze(-1)).sum(1);
      return sum / lengths.unsqueeze(1).to(sum.scalar_type());
    }
  }
  return {};
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& ids, const torch::Tensor& lengths) {
  return head_(pooled(gpt_->hidden(ids), lengths));  // (B,n_class)
}

torch::Tensor ClassifierImpl::after_trunk(const torch::Tensor& x, int64_t blocks,
                                          const torch::Tensor& lengths) {
  return head_(pooled(gpt_->hidden_after_trunk(x, blocks), lengths));
}

}  // namespace gptkit
