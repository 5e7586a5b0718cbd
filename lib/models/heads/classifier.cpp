#include "models/heads/classifier.h"

#include <ATen/ops/linear.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace gptkit {

ClassifierImpl::ClassifierImpl(GPT gpt, int64_t n_class, Pooling pooling, bool head_bias)
    : pooling_(pooling) {
  const int64_t C = gpt->config().d_model;
  gpt_ = register_module("gpt", std::move(gpt));
  head_ = register_module("head", Linear(C, n_class, head_bias));
}

torch::Tensor ClassifierImpl::forward(const torch::Tensor& ids,
                                      const std::vector<int64_t>& lengths) {
  const auto packed = packing(ids.size(1), lengths);
  return logits_after_blocks(gpt_->first_blocks(packed.unpad(ids), packed, 0), packed, 0);
}

Packing ClassifierImpl::packing(int64_t T, const std::vector<int64_t>& lengths) const {
  const auto device = gpt_->device();
  if (pooling_ != Pooling::kLastPosition) return Packing(lengths, device);
  return Packing(std::vector<int64_t>(lengths.size(), T), device);
}

torch::Tensor ClassifierImpl::logits_after_blocks(const torch::Tensor& x, const Packing& packing,
                                                  int64_t blocks) {
  if (pooling_ == Pooling::kMean) {
    return from_hidden(gpt_->hidden_after_blocks(x, packing, blocks), packing);
  }
  return score(gpt_->hidden_at(x, packing, blocks, row_read(packing)));
}

torch::Tensor ClassifierImpl::from_hidden(const torch::Tensor& hidden, const Packing& packing) {
  if (pooling_ != Pooling::kMean) return score(hidden.index_select(0, row_read(packing)));
  const auto sum = packing.pad(hidden).sum(1, /*keepdim=*/false, torch::kFloat64);  // (B,C)
  const auto lengths = packing.last_rows() - packing.first_rows() + 1;
  return score(sum / lengths.unsqueeze(1));
}

/// (B) the row of each sequence that is the input of the head.
torch::Tensor ClassifierImpl::row_read(const Packing& packing) const {
  return pooling_ == Pooling::kFirstToken ? packing.first_rows() : packing.last_rows();
}

/// (B,C) -> (B,n_class). Computed in float64 and rounded once, so that the result does not depend
/// on the order of the sums, and therefore not on the number of texts in a batch. The cost is
/// small.
torch::Tensor ClassifierImpl::score(const torch::Tensor& pooled) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto exact = [](const torch::Tensor& t) { return t.defined() ? t.to(torch::kFloat64) : t; };
  auto y = at::linear(exact(pooled), exact(head_->weight), exact(head_->bias))
               .to(head_->weight.scalar_type());
  auto lora = head_->lora();
  if (!lora) return y;
  if (lora->drops_out()) return y + lora(pooled.to(y.scalar_type()));
  const auto [a, b] = lora->whole();
  return y + at::linear(at::linear(exact(pooled), exact(a)), exact(b)).to(y.scalar_type());
}

}  // namespace gptkit
