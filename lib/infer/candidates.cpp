#include "infer/candidates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "infer/softmax.h"

namespace gptkit {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A candidate as a filter ranks it: a lower key comes first, of equals the lower id.
struct Ranked {
  float key;
  TokenId id;
  float weight;
  friend bool operator<(const Ranked& a, const Ranked& b) {
    return a.key != b.key ? a.key < b.key : a.id < b.id;
  }
};

/// The last of the fewest entries, in their order, whose weights and `before` reach `mass`. Selects
/// by halves: O(n), where a sort is O(n log n).
Ranked last_of_fewest(std::span<Ranked> all, double before, double mass) {
  while (all.size() > 1) {
    const auto half = all.size() / 2;
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(half), all.end());
    double reached = before;
    for (const auto& entry : all.first(half)) reached += static_cast<double>(entry.weight);
    if (reached < mass) before = reached;
    all = reached < mass ? all.subspan(half) : all.first(half);
  }
  return all.front();
}

/// Keys that are not negative fall into buckets in their order: an eighth of an octave each.
constexpr size_t kBuckets = 2048;
size_t bucket_of(float key) { return std::bit_cast<uint32_t>(std::abs(key)) >> 20; }

/// The same for all candidates by c.keys (>= 0), for a share of their weight. Only one bucket is
/// looked at closely.
Ranked last_of_fewest(const Candidates& c, double share) {
  std::array<double, kBuckets> weights{};
  for (size_t i = 0; i < c.size(); ++i) {
    weights[bucket_of(c.keys[i])] += static_cast<double>(c.weights[i]);
  }
  // Summed in the same order as below, so that some bucket reaches it.
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double mass = share * total;
  double before = 0;
  size_t bucket = 0;
  while (before + weights[bucket] < mass) before += weights[bucket++];
  std::vector<Ranked> ranked;
  for (size_t i = 0; i < c.size(); ++i) {
    if (bucket_of(c.keys[i]) == bucket) ranked.push_back({c.keys[i], c.ids[i], c.weights[i]});
  }
  return last_of_fewest(ranked, before, mass);
}

/// Leaves the candidates for which keep(i) holds.
template <class Keep>
void keep_if(Candidates& c, Keep&& keep) {
  size_t kept = 0;
  c.total = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    if (!keep(i)) continue;
    c.ids[kept] = c.ids[i];
    c.logits[kept] = c.logits[i];
    c.weights[kept] = c.weights[i];
    c.total += static_cast<double>(c.weights[i]);
    ++kept;
  }
  c.ids.resize(kept);
  c.logits.resize(kept);
  c.weights.resize(kept);
}

void copy_not_below(std::span<const float> logits, float floor, Candidates& out) {
  out.ids.clear();
  out.logits.clear();
  for_each_not_below(logits, floor, [&](size_t i) {
    out.ids.push_back(static_cast<TokenId>(i));
    out.logits.push_back(logits[i]);
  });
}

void copy_all(std::span<const float> logits, Candidates& out) {
  out.ids.resize(logits.size());
  std::iota(out.ids.begin(), out.ids.end(), TokenId{0});
  out.logits.assign(logits.begin(), logits.end());
}

}  // namespace

void take_top_k(std::span<const float> logits, size_t k, double temperature, Candidates& out) {
  const float best = largest(logits).value;
  if (k > 0 && k < logits.size()) {
    copy_not_below(logits, k_largest(logits, k).back().value, out);
  } else {
    copy_all(logits, out);
  }
  // A tiny temperature must not overflow: the best logit becomes 0 first.
  const auto divisor = static_cast<float>(std::max(temperature, 1e-9));
  for (float& logit : out.logits) logit = (logit - best) / divisor;
  out.weights = out.logits;
  exp_(out.weights);
  out.total = sum(out.weights);
}

void keep_top_p(Candidates& c, double p) {
  // Logits are ranked, not weights: those of near equals may round to the same number.
  c.keys.resize(c.size());
  for (size_t i = 0; i < c.size(); ++i) c.keys[i] = -c.logits[i];
  const auto last = last_of_fewest(c, p);
  keep_if(c, [&](size_t i) {
    return c.keys[i] < last.key || (c.keys[i] == last.key && c.ids[i] <= last.id);
  });
}

void keep_min_p(Candidates& c, double p) {
  const auto least = static_cast<float>(p);
  keep_if(c, [&](size_t i) { return c.weights[i] >= least; });
}

void keep_typical(Candidates& c, double p) {
  double weighted = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    if (c.weights[i] > 0) weighted += static_cast<double>(c.weights[i] * c.logits[i]);
  }
  // Information is log(total) - logit, and entropy its mean.
  const auto mean_logit = static_cast<float>(weighted / c.total);
  c.keys.resize(c.size());
  for (size_t i = 0; i < c.size(); ++i) c.keys[i] = std::abs(mean_logit - c.logits[i]);
  const auto last = last_of_fewest(c, p);
  keep_if(c, [&](size_t i) { return c.keys[i] <= last.key; });
}

void find_candidates(std::span<const float> logits, const GenerationConfig& config,
                     Candidates& out) {
  take_top_k(logits, static_cast<size_t>(config.top_k), config.temperature, out);
  if (config.top_p < 1) keep_top_p(out, config.top_p);
  if (config.min_p > 0) keep_min_p(out, config.min_p);
  if (config.typical_p < 1) keep_typical(out, config.typical_p);
}

}  // namespace gptkit
