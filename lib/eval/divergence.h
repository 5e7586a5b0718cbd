#pragma once
// How far one model's predictions are from another's: the Kullback-Leibler divergence of their
// distributions over the next token, position by position, and its mean over a text.
// https://en.wikipedia.org/wiki/Kullback-Leibler_divergence

#include <cstdint>
#include <span>

namespace gptkit {

/// A model against the reference at one position.
struct PositionMetrics {
  double loss = 0;        ///< negative log-likelihood of the target, in nats
  double divergence = 0;  ///< KL(reference || model), in nats
  bool same_top = false;  ///< the same token is the likeliest; of equals, the first
};

/// From the logits of both over the same vocabulary. The loss is NaN or infinite where logits are.
PositionMetrics compare_logits(std::span<const float> reference, std::span<const float> logits,
                               int64_t target);

/// Means over positions.
struct DivergenceMetrics {
  int64_t tokens = 0;
  double loss = 0;
  double perplexity = 0;
  double divergence = 0;
  double divergence_error = 0;  ///< standard error of the mean; 0 for fewer than 2 positions
  double same_top = 0;          ///< share of positions
};

class DivergenceSum {
 public:
  void add(const PositionMetrics& position);
  DivergenceMetrics mean() const;

 private:
  int64_t tokens_ = 0, same_top_ = 0;
  double loss_ = 0, divergence_ = 0, squares_ = 0;
};

}  // namespace gptkit
