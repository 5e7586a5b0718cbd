#pragma once
// Choosing the next token from logits. Options are named as in Hugging Face's GenerationConfig.

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "text/tokenizer.h"

namespace gptkit {

struct SamplingConfig {
  double temperature = 0;         // 0 is greedy
  int64_t top_k = 0;              // keep the k most likely; 0 is off
  double top_p = 1;               // keep the fewest that reach this probability (arXiv:1904.09751)
  double min_p = 0;               // drop what is less likely than min_p times the likeliest
  double repetition_penalty = 1;  // divides the logits of tokens seen already (arXiv:1909.05858)
};

/// Fails naming the option that is out of range.
void validate(const SamplingConfig& config);

/// Draws from its own generator: the same seed gives the same tokens as torch.manual_seed(seed)
/// before the book's generate().
class Sampler {
 public:
  Sampler(const SamplingConfig& config, uint64_t seed);

  /// logits (V), any dtype and device; `seen`: the sequence so far. At least one token always
  /// survives the filters. One device sync.
  TokenId next(const torch::Tensor& logits, std::span<const TokenId> seen);

 private:
  SamplingConfig config_;
  at::Generator generator_;
};

/// Logits that the filters drop are -inf: top_k, then temperature, top_p and min_p.
torch::Tensor filtered(const torch::Tensor& logits, const SamplingConfig& config);

}  // namespace gptkit
