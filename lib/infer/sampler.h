#pragma once
// Choosing the next token from logits.

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "infer/generation_config.h"
#include "text/tokenizer.h"

namespace gptkit {

/// Draws from its own generator: the same seed gives the same tokens as torch.manual_seed(seed)
/// before the book's generate().
class Sampler {
 public:
  Sampler(const GenerationConfig& config, uint64_t seed);

  /// logits (V), any dtype and device; `seen`: the sequence so far. At least one token always
  /// survives the filters. One device sync.
  TokenId next(const torch::Tensor& logits, std::span<const TokenId> seen);

 private:
  GenerationConfig config_;
  at::Generator generator_;
};

/// Applies top_k, temperature, top_p and min_p, in this order. Filtered logits become -inf.
torch::Tensor filtered(const torch::Tensor& logits, const GenerationConfig& config);

}  // namespace gptkit
