#include "model/classifier.h"

#include <ATen/ops/linear.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

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
  // Little work, whose rounding all that is said of a text would share. In float64, and then
  // rounded once, sums do not depend on their order, and so not on how many texts a batch has.
  const auto score = [&](const torch::Tensor& hidden) {  // (B,C) -> (B,n_class)
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const auto exact = [](const torch::Tensor& t) {
      return t.defined() ? t.to(torch::kFloat64) : t;
    };
    const auto y = at::linear(exact(hidden), exact(head_->weight), exact(head_->bias))
                       .to(head_->weight.scalar_type());
    auto lora = head_->lora();
    return lora ? y + lora(hidden.to(y.scalar_type())) : y;
  };
  const auto read = [&](const torch::Tensor& positions) {
    return score(gpt_->hidden_at(x, blocks, positions));
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
      const auto sum = (hidden * real.unsqueeze(-1)).sum(1, /*keepdim=*/false, torch::kFloat64);
      return score(sum / lengths.unsqueeze(1));
    }
  }
  return {};
}

}  // namespace gptkit
