#pragma once
// Settings that change logits whatever token is chosen then: biases, penalties and banned n-grams.
// Greedy decoding, sampling and beam search (there on log-probabilities) apply them in the same
// order: that of transformers' LogitsProcessorList, with vLLM's presence and frequency penalties
// behind the repetition penalty. All work in place on logits (V).

#include <cstddef>
#include <cstdint>
#include <span>

#include "infer/generation_config.h"
#include "text/tokenizer.h"

namespace gptkit {

/// A sequence so far: the prompt, then the generated tokens.
struct TokenHistory {
  std::span<const TokenId> tokens = {};
  size_t prompt_tokens = 0;
  std::span<const TokenId> generated() const { return tokens.subspan(prompt_tokens); }
};

/// Adds each bias to the logit of its token. Fails for a token that is not below V.
void add_bias_(std::span<float> logits, std::span<const TokenBias> biases);

/// Divides the positive logits of tokens that occur in `seen` by `penalty` and multiplies the
/// others (arXiv:1909.05858). Fails when one overflows.
void penalize_repetition_(std::span<float> logits, std::span<const TokenId> seen, double penalty);

/// For a token that was generated n > 0 times subtracts presence + n * frequency. As in OpenAI's
/// API and vLLM, the prompt does not count:
/// https://docs.vllm.ai/en/latest/api/vllm/sampling_params.html
void penalize_counts_(std::span<float> logits, std::span<const TokenId> generated, double presence,
                      double frequency);

/// Sets the logits of tokens that would complete an n-gram that occurs in `seen` to -infinity
/// (arXiv:1705.04304). Where that would leave no token, it bans none.
void ban_repeated_ngrams_(std::span<float> logits, std::span<const TokenId> seen, size_t n);

/// The processors that a config asks for.
class LogitsProcessors {
 public:
  explicit LogitsProcessors(const GenerationConfig& config);

  /// Whether process_() does anything.
  bool any() const;
  void process_(std::span<float> logits, const TokenHistory& history) const;

 private:
  std::vector<TokenBias> biases_;
  double repetition_, presence_, frequency_;
  size_t ngram_;
};

}  // namespace gptkit
