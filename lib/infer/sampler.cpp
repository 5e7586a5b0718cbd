#include "infer/sampler.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/multinomial.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void penalize_(torch::Tensor& logits, std::span<const TokenId> seen, double penalty) {
  auto* values = logits.mutable_data_ptr<float>();
  for (const TokenId id : std::set<TokenId>(seen.begin(), seen.end())) {
    float& value = values[id];
    value = value > 0 ? value / static_cast<float>(penalty) : value * static_cast<float>(penalty);
  }
}

/// Drops everything behind the fewest tokens, likeliest first, that reach top_p together.
torch::Tensor keep_top_p(const torch::Tensor& logits, double top_p) {
  // Logits are sorted, not probabilities: those of near equals may round to the same number.
  const auto [sorted, order] = logits.sort(/*dim=*/-1, /*descending=*/true);
  const auto share = sorted.softmax(-1);
  const auto before = share.cumsum(-1) - share;  // mass of the likelier ones
  auto drop = before >= top_p;
  drop[0] = false;
  return logits.masked_fill(torch::zeros_like(drop).scatter(-1, order, drop), -kInfinity);
}

}  // namespace

Sampler::Sampler(const GenerationConfig& config, uint64_t seed)
    : config_(config), generator_(at::detail::createCPUGenerator(seed)) {
  validate(config);
}

torch::Tensor filtered(const torch::Tensor& logits, const GenerationConfig& c) {
  auto kept = logits;
  if (c.top_k > 0 && c.top_k < kept.size(-1)) {
    const auto weakest = std::get<0>(kept.topk(c.top_k)).select(-1, c.top_k - 1);
    kept = kept.masked_fill(kept < weakest, -kInfinity);
  }
  // A tiny temperature must not overflow: the best logit becomes 0 first.
  kept = (kept - kept.max()) / std::max(c.temperature, 1e-9);
  if (c.top_p < 1) kept = keep_top_p(kept, c.top_p);
  if (c.min_p > 0) kept = kept.masked_fill(kept < std::log(c.min_p), -kInfinity);
  return kept;
}

TokenId Sampler::next(const torch::Tensor& logits, std::span<const TokenId> seen) {
  auto values = logits.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  if (config_.repetition_penalty != 1) {
    values = values.clone();
    penalize_(values, seen, config_.repetition_penalty);
    require(at::isfinite(values).all().item<bool>(), Key{"repetition_penalty"}, ": ",
            config_.repetition_penalty, " makes the logits overflow; use one nearer to 1");
  }
  if (config_.temperature == 0) return static_cast<TokenId>(values.argmax(-1).item<int64_t>());
  const auto probabilities = filtered(values, config_).softmax(-1);
  return static_cast<TokenId>(
      at::multinomial(probabilities, 1, /*replacement=*/false, generator_).item<int64_t>());
}

}  // namespace gptkit
