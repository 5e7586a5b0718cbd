#include "infer/logits_processors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Calls visit(id, number of times) for each token that occurs.
template <class Visit>
void for_each_token(std::span<const TokenId> tokens, Visit&& visit) {
  std::vector<TokenId> sorted(tokens.begin(), tokens.end());
  std::sort(sorted.begin(), sorted.end());
  for (auto first = sorted.begin(); first != sorted.end();) {
    const auto last = std::upper_bound(first, sorted.end(), *first);
    visit(static_cast<size_t>(*first), last - first);
    first = last;
  }
}

}  // namespace

void add_bias_(std::span<float> logits, std::span<const TokenBias> biases) {
  for (const auto& [id, bias] : biases) {
    require(static_cast<size_t>(id) < logits.size(), Key{"logit_bias"}, ": token ", id,
            " is not in the model's vocabulary of ", logits.size(), " tokens");
    logits[static_cast<size_t>(id)] += bias;
  }
}

void penalize_repetition_(std::span<float> logits, std::span<const TokenId> seen, double penalty) {
  const auto factor = static_cast<float>(penalty);
  for_each_token(seen, [&](size_t id, auto) {
    float& logit = logits[id];
    const bool finite = std::isfinite(logit);
    logit = logit > 0 ? logit / factor : logit * factor;
    require(!finite || std::isfinite(logit), Key{"repetition_penalty"}, ": ", penalty,
            " makes the logits overflow; use one nearer to 1");
  });
}

void penalize_counts_(std::span<float> logits, std::span<const TokenId> generated, double presence,
                      double frequency) {
  for_each_token(generated, [&](size_t id, auto count) {
    logits[id] -= static_cast<float>(presence + frequency * static_cast<double>(count));
  });
}

void ban_repeated_ngrams_(std::span<float> logits, std::span<const TokenId> seen, size_t n) {
  if (n == 0 || seen.size() < n) return;
  const auto last_tokens = seen.last(n - 1);
  std::vector<std::pair<size_t, float>> banned;  // and their logits
  for (size_t i = 0; i + n <= seen.size(); ++i) {
    const auto ngram = seen.subspan(i, n);
    if (!std::equal(last_tokens.begin(), last_tokens.end(), ngram.begin())) continue;
    float& logit = logits[static_cast<size_t>(ngram.back())];
    banned.emplace_back(static_cast<size_t>(ngram.back()), logit);
    logit = -kInfinity;
  }
  if (banned.empty() || std::ranges::any_of(logits, [](float x) { return x > -kInfinity; })) return;
  // A token that is banned twice has its logit in the first entry.
  for (auto entry = banned.rbegin(); entry != banned.rend(); ++entry) {
    logits[entry->first] = entry->second;
  }
}

LogitsProcessors::LogitsProcessors(const GenerationConfig& config)
    : biases_(token_biases(config)),
      repetition_(config.repetition_penalty),
      presence_(config.presence_penalty),
      frequency_(config.frequency_penalty),
      ngram_(static_cast<size_t>(config.no_repeat_ngram_size)) {}

bool LogitsProcessors::any() const {
  return !biases_.empty() || repetition_ != 1 || presence_ != 0 || frequency_ != 0 || ngram_ != 0;
}

void LogitsProcessors::process_(std::span<float> logits, const TokenHistory& history) const {
  add_bias_(logits, biases_);
  if (repetition_ != 1) penalize_repetition_(logits, history.tokens, repetition_);
  if (presence_ != 0 || frequency_ != 0) {
    penalize_counts_(logits, history.generated(), presence_, frequency_);
  }
  ban_repeated_ngrams_(logits, history.tokens, ngram_);
}

}  // namespace gptkit
