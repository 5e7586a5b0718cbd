#pragma once
// What a person would look at: words that give a class away, shouting, digits, links and length.
// The words are learnt from the training texts, so the features are those of any task.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gptkit {

struct TriggerWord {
  std::string word;     // lower case, at least two characters
  double log_odds = 0;  // of a text of the class having it, less those of the other texts
};

/// `labels`: the class of each text. For each class its words of largest log-odds, best first, at
/// most `per_class` of them. With 1/2 added to each count, and only words whose log-odds are two
/// standard errors above 0: a rare word is found in one class alone by chance (Monroe and others
/// 2008, doi:10.1093/pan/mpn018).
std::vector<std::vector<TriggerWord>> learn_trigger_words(std::span<const std::string> texts,
                                                          std::span<const std::int64_t> labels,
                                                          std::int64_t n_classes,
                                                          std::int64_t per_class);

/// A text as a few numbers: ln(1 + n) of its trigger words (for each class), '!', links and
/// characters; the capitals' share of its letters and the digits' share of its characters.
class HandMadeFeatures {
 public:
  explicit HandMadeFeatures(std::vector<std::vector<TriggerWord>> trigger_words);

  std::vector<double> operator()(std::string_view text) const;
  std::int64_t size() const;

  /// [class], best first
  const std::vector<std::vector<TriggerWord>>& trigger_words() const { return trigger_words_; }

 private:
  std::vector<std::vector<TriggerWord>> trigger_words_;
  std::unordered_map<std::string, std::vector<std::size_t>> classes_of_;
};

}  // namespace gptkit
