#pragma once
// Log-probabilities of tokens behind prompts that have their beginning in common.

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/gpt.h"
#include "nn/kv_cache.h"
#include "text/tokenizer.h"

namespace gptkit {

/// How many tokens both begin with.
size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b);

/// Runs prompts that begin alike: the keys and values of what a prompt has in common with the one
/// before are used again.
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
