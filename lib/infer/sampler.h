#pragma once
// Choosing the next token from logits, on one thread and without LibTorch. A sequence has a sampler
// of its own, so its draws depend on its seed and its logits alone.

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "infer/candidates.h"
#include "infer/generation_config.h"
#include "infer/logits_processors.h"
#include "text/tokenizer.h"

namespace gptkit {

/// std::mt19937 with words of 32 bits, in which compilers vectorise it.
using Mt19937 = std::mersenne_twister_engine<uint32_t, 32, 624, 397, 31, 0x9908b0df, 11, 0xffffffff,
                                             7, 0x9d2c5680, 15, 0xefc60000, 18, 1812433253>;

/// The same seed gives the same tokens as torch.manual_seed(seed) before the book's generate().
class Sampler {
 public:
  Sampler(const GenerationConfig& config, uint64_t seed);

  /// The likeliest token at temperature 0 (of equals the first), else a drawn one. Fails for logits
  /// (V) that are NaN or +infinity, or all -infinity.
  TokenId next(std::span<const float> logits, const TokenHistory& history = {});

  /// The two halves of next() for temperature > 0: what it draws from, valid until the next call,
  /// and a draw. It takes V numbers from the generator, whatever the candidates are.
  const Candidates& candidates(std::span<const float> logits, const TokenHistory& history = {});
  TokenId draw(const Candidates& candidates, size_t vocabulary);

 private:
  std::span<const float> processed(std::span<const float> logits, const TokenHistory& history);

  GenerationConfig config_;
  LogitsProcessors processors_;
  Mt19937 generator_;
  std::vector<float> processed_;
  Candidates candidates_;
};

}  // namespace gptkit
