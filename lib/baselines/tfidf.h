#pragma once
// Texts as weighted n-grams: tf-idf with the arithmetic of scikit-learn's TfidfVectorizer (smooth
// idf, rows of length 1), and a vocabulary whose size is bounded.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "baselines/ngrams.h"
#include "baselines/sparse_row.h"

namespace gptkit {

struct TfidfOptions {
  NGramUnit unit = NGramUnit::kWord;
  std::size_t min_n = 1, max_n = 2;
  bool sublinear_tf = false;            // 1 + ln(count) instead of the count
  std::int64_t min_texts = 1;           // n-grams of fewer texts are left out
  std::int64_t max_features = 300'000;  // the n-grams of most texts; ties go by their bytes
  // While counting, the rarest n-grams are dropped whenever there are more than this (lossy
  // counting, Manku and Motwani 2002): the memory is bounded, whatever the texts are.
  std::int64_t max_candidates = 3'000'000;
};

class Tfidf {
 public:
  /// Learns the vocabulary and how rare each n-gram is. Columns are in the order of the n-grams'
  /// bytes. Fails when there are no texts or the options contradict each other.
  Tfidf(const std::vector<std::string_view>& texts, const TfidfOptions& options);

  /// The text's n-grams that are in the vocabulary: tf (1 + ln((1 + N) / (1 + n))), N training
  /// texts of which n have it, divided by the row's length. Empty when it has none of them.
  SparseRow transform(std::string_view text) const;

  /// How often each n-gram of the vocabulary occurs.
  SparseRow count(std::string_view text) const;

  std::int64_t n_columns() const { return static_cast<std::int64_t>(idf_.size()); }
  const std::vector<double>& idf() const { return idf_; }  ///< by column
  std::vector<std::string> ngrams() const;                 ///< by column

 private:
  /// Lets find() take a string_view.
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  TfidfOptions options_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> columns_;
  std::vector<double> idf_;
};

}  // namespace gptkit
