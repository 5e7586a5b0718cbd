#include "infer/text_scorer.h"

#include <torch/utils.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "infer/growing_engine.h"
#include "nn/kv_cache.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

class DecodingScorer : public TextScorer {
 public:
  DecodingScorer(std::unique_ptr<DecodingModel> model, const std::string& where)
      : engine_(std::move(model), {.where = where}) {}

  std::vector<std::vector<double>> log_likelihoods(std::span<const ScoredText> texts) override {
    int64_t longest = 0;
    for (const auto& text : texts) longest = std::max(longest, std::ssize(text.ids));
    return engine_.for_tokens(longest).log_likelihoods(texts);
  }
  int64_t tokens_run() const override { return engine_.tokens_run(); }

 private:
  GrowingEngine engine_;
};

class ModuleScorer : public TextScorer {
 public:
  ModuleScorer(GPT gpt, std::string where) : gpt_(std::move(gpt)), where_(std::move(where)) {}

  std::vector<std::vector<double>> log_likelihoods(std::span<const ScoredText> texts) override {
    std::vector<std::vector<double>> results;
    for (const auto& text : texts) {
      const auto read = text.ids.first(text.ids.size() - 1);  // the last one is only predicted
      const auto wanted = std::ssize(read) - (text.first - 1);
      // Texts that differ in their last token alone read the same.
      if (!std::equal(read.begin(), read.end(), held_.begin(), held_.end()) ||
          rows_.size(0) != wanted) {
        rows_ = log_probabilities(read, wanted);
      }
      auto& result = results.emplace_back();
      const float* row = rows_.const_data_ptr<float>();
      for (const auto id : text.ids.subspan(static_cast<size_t>(text.first))) {
        result.push_back(row[id]);
        row += rows_.size(1);
      }
    }
    return results;
  }
  int64_t tokens_run() const override { return tokens_run_; }

 private:
  static constexpr int64_t kFirstCapacity = 1024;  // tokens; the cache grows to what a text needs

  /// log P(next token) behind each of the last n_last (at least 1) of the ids: (n_last,V), float32.
  torch::Tensor log_probabilities(std::span<const TokenId> ids, int64_t n_last) {
    torch::InferenceMode inference;
    const auto n = std::ssize(ids), context = gpt_->config().context_length;
    require(n_last >= 1 && n_last <= n, "log-likelihoods of ", n_last, " of ", n, " tokens");
    require(n <= context, "a text of ", n + 1, " tokens in a context of ", context);
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
    const auto input =
        torch::tensor(fresh, torch::kInt64).unsqueeze(0).to(gpt_->device());  // (1,T)
    const auto hidden = gpt_->hidden(input, &*cache_);                        // (1,T,C)
    held_.assign(ids.begin(), ids.end());
    const auto last = hidden[0].slice(0, hidden.size(1) - n_last);
    const auto logits = gpt_->logits(last).to(torch::kFloat32).log_softmax(-1);
    require_finite_results(logits, where_);
    return logits.to(torch::kCPU).contiguous();
  }

  GPT gpt_{nullptr};
  std::string where_;
  std::optional<KvCache> cache_;
  std::vector<TokenId> held_;  // whose keys and values the cache has
  torch::Tensor rows_;         // of the text that is held
  int64_t tokens_run_ = 0;
};

}  // namespace

std::unique_ptr<TextScorer> text_scorer(std::unique_ptr<DecodingModel> model,
                                        const std::string& where) {
  return std::make_unique<DecodingScorer>(std::move(model), where);
}

std::unique_ptr<TextScorer> text_scorer(const GPT& gpt, const std::string& where) {
  return std::make_unique<ModuleScorer>(gpt, where);
}

}  // namespace gptkit
