#pragma once
// Log-probabilities of tokens after prompts that share a prefix.

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "infer/prefix_cache.h"
#include "models/gpt.h"
#include "nn/kv_cache.h"
#include "text/tokenizer.h"

namespace gptkit {

/// Runs prompts that share a prefix: the keys and values of the prefix that a prompt shares with
/// the previous one are reused.
class PromptCache {
 public:
  /// `where` the model was opened, for messages.
  explicit PromptCache(GPT gpt, std::string where = {})
      : gpt_(std::move(gpt)), where_(std::move(where)) {}

  /// log P(next token) behind each of the last n_last (at least 1) of the ids: (n_last,V), float32.
  /// Fails when they are not finite.
  torch::Tensor log_probabilities(std::span<const TokenId> ids, int64_t n_last);

  int64_t tokens_run() const { return tokens_run_; }  ///< so far: what the cache saves is not in it

 private:
  GPT gpt_{nullptr};
  std::string where_;
  std::optional<KvCache> cache_;
  std::vector<TokenId> held_;  // whose keys and values the cache has
  int64_t tokens_run_ = 0;
};

}  // namespace gptkit
