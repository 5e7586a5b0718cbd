#include "baselines/tfidf.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/stop.h"

namespace gptkit {

namespace {

/// How many texts have an n-gram, and the last of them, so that each counts once.
struct Spread {
  std::int64_t texts = 0, last = -1;
};

struct Candidate {
  std::string ngram;
  std::int64_t texts;
};

void check(const TfidfOptions& options, std::size_t texts) {
  require(texts > 0, "tf-idf of no texts; give at least one");
  require(options.min_n >= 1 && options.min_n <= options.max_n, "n-grams of ", options.min_n,
          " to ", options.max_n, " units; expected 1 <= min_n <= max_n");
  require(options.max_features >= 1 && options.max_candidates >= options.max_features,
          options.max_features, " n-grams out of ", options.max_candidates,
          " candidates; expected 1 <= max_features <= max_candidates");
}

/// Drops n-grams of one text, then of two ..., until half the room is free.
template <class Spreads>
void drop_rarest(Spreads& spreads, std::int64_t max_candidates) {
  for (std::int64_t texts = 1; std::ssize(spreads) > max_candidates / 2; ++texts) {
    std::erase_if(spreads, [&](const auto& entry) { return entry.second.texts <= texts; });
  }
}

/// The most widespread candidates, in the order of their bytes.
void keep_most_widespread(std::vector<Candidate>& candidates, std::int64_t max_features) {
  if (std::ssize(candidates) > max_features) {
    const auto end = candidates.begin() + max_features;
    std::nth_element(candidates.begin(), end, candidates.end(), [](const auto& a, const auto& b) {
      return a.texts != b.texts ? a.texts > b.texts : a.ngram < b.ngram;
    });
    candidates.erase(end, candidates.end());
  }
  std::ranges::sort(candidates, {}, &Candidate::ngram);
}

void scale_to_length_1(SparseRow& row, const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  const double length = std::sqrt(squares);
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].value = static_cast<float>(values[i] / length);
  }
}

}  // namespace

Tfidf::Tfidf(const std::vector<std::string_view>& texts, const TfidfOptions& options)
    : options_(options) {
  check(options, texts.size());
  std::unordered_map<std::string, Spread, Hash, std::equal_to<>> spreads;
  for (std::int64_t i = 0; i < std::ssize(texts); ++i) {
    stop_if_asked("stopped while training the simpler methods");
    const NGrams ngrams(texts[static_cast<std::size_t>(i)], options.unit);
    ngrams.for_each(options.min_n, options.max_n, [&](std::string_view ngram) {
      auto found = spreads.find(ngram);
      if (found == spreads.end()) found = spreads.emplace(ngram, Spread{}).first;
      auto& [seen_in, last] = found->second;
      if (last != i) ++seen_in;
      last = i;
    });
    if (std::ssize(spreads) > options.max_candidates) drop_rarest(spreads, options.max_candidates);
  }

  std::vector<Candidate> candidates;
  while (!spreads.empty()) {
    auto node = spreads.extract(spreads.begin());
    if (node.mapped().texts < options.min_texts) continue;
    candidates.push_back({std::move(node.key()), node.mapped().texts});
  }
  keep_most_widespread(candidates, options.max_features);

  const auto n_texts = static_cast<double>(texts.size());
  columns_.reserve(candidates.size());
  idf_.reserve(candidates.size());
  for (auto& [ngram, n] : candidates) {
    columns_.emplace(std::move(ngram), static_cast<std::uint32_t>(idf_.size()));
    idf_.push_back(1 + std::log((1 + n_texts) / (1 + static_cast<double>(n))));
  }
}

SparseRow Tfidf::count(std::string_view text) const {
  std::vector<std::uint32_t> found;
  NGrams(text, options_.unit).for_each(options_.min_n, options_.max_n, [&](std::string_view ngram) {
    if (const auto column = columns_.find(ngram); column != columns_.end()) {
      found.push_back(column->second);
    }
  });
  std::ranges::sort(found);
  SparseRow row;
  for (auto begin = found.begin(); begin != found.end();) {
    const auto end = std::upper_bound(begin, found.end(), *begin);
    row.push_back({*begin, static_cast<float>(end - begin)});
    begin = end;
  }
  row.shrink_to_fit();  // rows of a training set are kept
  return row;
}

SparseRow Tfidf::transform(std::string_view text) const {
  SparseRow row = count(text);
  std::vector<double> values;
  values.reserve(row.size());
  for (const auto& [column, times] : row) {
    const double tf = options_.sublinear_tf ? 1 + std::log(static_cast<double>(times)) : times;
    values.push_back(tf * idf_[column]);
  }
  scale_to_length_1(row, values);
  return row;
}

std::vector<std::string> Tfidf::ngrams() const {
  std::vector<std::string> ngrams(idf_.size());
  for (const auto& [ngram, column] : columns_) ngrams[column] = ngram;
  return ngrams;
}

}  // namespace gptkit
