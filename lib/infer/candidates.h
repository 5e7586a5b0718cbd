#pragma once
// The tokens that a draw chooses among, and the filters that leave some out: top-k, top-p, min-p
// and typical. None of them sorts the vocabulary.

#include <cstddef>
#include <span>
#include <vector>

#include "infer/generation_config.h"
#include "text/tokenizer.h"

namespace gptkit {

/// Tokens with their weights, in the order of their ids; at least one weight is above 0.
struct Candidates {
  std::vector<TokenId> ids;
  std::vector<float> logits;   // less the model's largest, divided by the temperature
  std::vector<float> weights;  // e^logit: 0 to 1
  double total = 0;            // of the weights
  std::vector<float> keys;     // what a filter ranks them by; its scratch memory

  size_t size() const { return ids.size(); }
  float probability(size_t i) const { return weights[i] / static_cast<float>(total); }
};

/// The candidates for logits (V) after top_k, temperature, top_p, min_p and typical_p, in this
/// order. It is transformers' but for the first two: the temperature changes no order, so that the
/// same tokens are among the k likeliest. Reuses the memory of `out`. Fails for logits that are NaN
/// or +infinity, or all -infinity.
void find_candidates(std::span<const float> logits, const GenerationConfig& config,
                     Candidates& out);

/// The k largest logits, and all equal to the k-th (arXiv:1805.04833), divided by the temperature.
/// k = 0: all.
void take_top_k(std::span<const float> logits, size_t k, double temperature, Candidates& out);

/// Keeps the fewest tokens, likeliest first, that reach the probability p (arXiv:1904.09751). Of
/// equals the lower ids come first (in transformers the order of equals is undefined).
void keep_top_p(Candidates& candidates, double p);

/// Keeps what is at least p times as likely as the likeliest (arXiv:2407.01082).
void keep_min_p(Candidates& candidates, double p);

/// Keeps the fewest tokens that reach the probability p; those come first whose information is
/// nearest to the entropy (arXiv:2202.00666). All equals of the last one stay.
void keep_typical(Candidates& candidates, double p);

}  // namespace gptkit
