#include "infer/prompt_cache.h"

#include <torch/utils.h>

#include <algorithm>

#include "base/error.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

constexpr int64_t kFirstCapacity = 1024;  // tokens; the cache grows to what a prompt needs

}  // namespace

torch::Tensor PromptCache::log_probabilities(std::span<const TokenId> ids, int64_t n_last) {
  torch::InferenceMode inference;
  const auto n = std::ssize(ids), context = gpt_->config().context_length;
  require(n_last >= 1 && n_last <= n, "prompt cache: ", n_last, " of ", n, " tokens asked for");
  require(n <= context, "prompt cache: a prompt of ", n, " tokens in a context of ", context);
  if (!cache_ || cache_->max_tokens() < n) {
    const auto capacity = std::min(context, std::max(kFirstCapacity, 2 * n));
    cache_.emplace(cache_shape(gpt_->config()), /*batch=*/1, capacity,
                   gpt_->token_embedding()->weight.options().requires_grad(false));
    held_.clear();
  }
  // What is asked for is run again even if it is held: its outputs are not.
  const auto shared = std::min(static_cast<int64_t>(common_prefix(held_, ids)), n - n_last);
  cache_->truncate(shared);
  held_.resize(static_cast<size_t>(shared));
  const std::vector<int64_t> fresh(ids.begin() + shared, ids.end());
  tokens_run_ += std::ssize(fresh);
  const auto input = torch::tensor(fresh, torch::kInt64).unsqueeze(0).to(gpt_->device());  // (1,T)
  const auto hidden = gpt_->hidden(input, &*cache_);  // (1,T,C)
  held_.assign(ids.begin(), ids.end());
  const auto last = hidden[0].slice(0, hidden.size(1) - n_last);
  const auto logits = gpt_->logits(last).to(torch::kFloat32).log_softmax(-1);
  require_finite_results(logits, where_);
  return logits.to(torch::kCPU).contiguous();
}

}  // namespace gptkit
