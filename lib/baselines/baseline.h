#pragma once
// What a text classifier is to be measured against: three linear models that train in seconds. A
// finetuned GPT that does no better was not worth its training.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

struct Baseline {
  std::string name;         // word_ngrams, character_ngrams, hand_made
  std::string description;  // for people: features, their number, settings
  double seconds = 0;       // of training
  /// A probability for each class; they add up to 1. Any bytes are welcome.
  std::function<std::vector<double>(std::string_view text)> classify;

  std::vector<std::vector<double>> predict(const std::vector<std::string>& texts) const;
};

/// Logistic regression on
///   word_ngrams       tf-idf of one word and of two words in a row,
///   character_ngrams  tf-idf of two to five characters in a row,
///   hand_made         trigger words learnt from `texts`, '!', links, length, capitals and digits,
///                     each with mean 0 and deviation 1 over `texts`.
/// `labels`: the class of each text. The same texts in the same order give the same models.
/// `class_weights`: how much a text of each class counts; empty: 1. A class may have one text or
/// none. Fails for no texts, fewer than two classes, or a label outside [0, n_classes).
///
/// At most 300,000 n-grams are kept, those of most texts, and fewer for more than six classes: the
/// weights stay below two million, L-BFGS with them below 400 MB.
std::vector<Baseline> train_baselines(std::span<const std::string> texts,
                                      std::span<const std::int64_t> labels, std::int64_t n_classes,
                                      const std::vector<double>& class_weights = {});

}  // namespace gptkit
