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
  if (pooling_ == Pooling::kMean) return from_hidden(gpt_->hidden_after_trunk(x, blocks), lengths);
  return score(gpt_->hidden_at(x, blocks, position_read(lengths, x.size(1))));
}

torch::Tensor ClassifierImpl::from_hidden(const torch::Tensor& hidden,
                                          const torch::Tensor& lengths) {
  const int64_t B = hidden.size(0), T = hidden.size(1);
  if (pooling_ != Pooling::kMean) {
    const auto rows = torch::arange(B, lengths.options());
    return score(hidden.index({rows, position_read(lengths, T)}));
  }
  const auto real = torch::arange(T, lengths.options()).lt(lengths.unsqueeze(1));  // (B,T)
  const auto sum = (hidden * real.unsqueeze(-1)).sum(1, /*keepdim=*/false, torch::kFloat64);
  return score(sum / lengths.unsqueeze(1));
}

/// lengths (B) -> the position (B) of each row that the head reads.
torch::Tensor ClassifierImpl::position_read(const torch::Tensor& lengths, int64_t T) const {
  if (pooling_ == Pooling::kFirstToken) return torch::zeros_like(lengths);
  return pooling_ == Pooling::kLastPosition ? torch::full_like(lengths, T - 1) : lengths - 1;
}

/// (B,C) -> (B,n_class). Little work, whose rounding all that is said of a text would share. In
/// float64, and then rounded once, sums do not depend on their order, and so not on how many texts
/// a batch has.
torch::Tensor ClassifierImpl::score(const torch::Tensor& pooled) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto exact = [](const torch::Tensor& t) { return t.defined() ? t.to(torch::kFloat64) : t; };
  const auto y = at::linear(exact(pooled), exact(head_->weight), exact(head_->bias))
                     .to(head_->weight.scalar_type());
  auto lora = head_->lora();
  return lora ? y + lora(pooled.to(y.scalar_type())) : y;
}

}  // namespace gptkit
