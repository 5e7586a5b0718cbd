#include "model/classifier.h"

namespace gptkit {

ClassifierImpl::ClassifierImpl(GPT gpt, int64_t n_class, Pooling pooling, bool head_bias)
    : pooling_(pooling) {
  const int64_t C = gpt->config().d_model;
  gpt_ = register_module("gpt", std::move(gpt));
  head_ = register_module("head", Linear(C, n_class, head_bias));
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& ids, const torch::Tensor& lengths) {
  return after_trunk(gpt_->trunk(ids, 0), 0, lengths);
}

torch::Tensor ClassifierImpl::after_trunk(const torch::Tensor& x, int64_t blocks,
                                          const torch::Tensor& lengths) {
  const int64_t T = x.size(1);
  const auto read = [&](const torch::Tensor& positions) {
    return head_(gpt_->hidden_at(x, blocks, positions));  // (B,n_class)
  };
  switch (pooling_) {
    case Pooling::kLastPosition:
      return read(torch::full_like(lengths, T - 1));
    case Pooling::kFirstToken:
      return read(torch::zeros_like(lengths));
    case Pooling::kLastToken:
      return read(lengths - 1);
    case Pooling::kMean: {
      const auto hidden = gpt_->hidden_after_trunk(x, blocks);
      const auto real = torch::arange(T, lengths.options()).lt(lengths.unsqueeze(1));  // (B,T)
      const auto sum = (hidden * real.unsqueeze(-1)).sum(1);
      return head_(sum / lengths.unsqueeze(1).to(sum.scalar_type()));
    }
  }
  return {};
}

}  // namespace gptkit
