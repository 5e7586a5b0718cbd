#include "infer/sampler.h"

#include <cmath>

#include "infer/softmax.h"

namespace gptkit {

namespace {

/// A number in [0,1) with 53 random bits, as PyTorch makes it.
double uniform(Mt19937& generator) {
  const uint64_t high = generator();
  const uint64_t bits = high << 32 | generator();
  return static_cast<double>(bits & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

}  // namespace

Sampler::Sampler(const GenerationConfig& config, uint64_t seed)
    : config_(config),
      processors_(config),
      generator_(static_cast<uint32_t>(seed)) {  // PyTorch uses these bits, too
  validate(config);
}

TokenId Sampler::next(std::span<const float> logits, const TokenHistory& history) {
  if (config_.temperature > 0) return draw(candidates(logits, history), logits.size());
  return static_cast<TokenId>(largest(processed(logits, history)).index);
}

const Candidates& Sampler::candidates(std::span<const float> logits, const TokenHistory& history) {
  find_candidates(processed(logits, history), config_, candidates_);
  return candidates_;
}

/// As at::multinomial, whose arithmetic this is: every token of the vocabulary draws an exponential
/// number q, and the largest p / q wins. A token that is left out has p = 0; its number is skipped.
TokenId Sampler::draw(const Candidates& candidates, size_t vocabulary) {
  size_t drawn = 0;
  size_t winner = 0;
  float best = -1;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto id = static_cast<size_t>(candidates.ids[i]);
    generator_.discard(2 * (id - drawn));
    drawn = id + 1;
    const double u = uniform(generator_);
    const float p = candidates.probability(i);
    // q = -log(1 - u) is at least u, so most tokens need no logarithm to lose.
    if (static_cast<double>(p) < 0.999 * static_cast<double>(best) * u) continue;
    const float share = p / static_cast<float>(-std::log1p(-u));
    if (share > best) {
      best = share;
      winner = id;
    }
  }
  generator_.discard(2 * (vocabulary - drawn));
  return static_cast<TokenId>(winner);
}

std::span<const float> Sampler::processed(std::span<const float> logits,
                                          const TokenHistory& history) {
  if (!processors_.any()) return logits;
  processed_.assign(logits.begin(), logits.end());
  processors_.process_(processed_, history);
  return processed_;
}

}  // namespace gptkit
