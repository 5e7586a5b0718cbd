#include "baselines/trigger_words.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "baselines/tfidf.h"
#include "text/lowercase.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

/// Texts with a word and texts without it, half a text added to both.
struct Odds {
  double with, without;

  Odds(std::int64_t texts_with_it, std::int64_t texts)
      : with(static_cast<double>(texts_with_it) + 0.5),
        without(static_cast<double>(texts - texts_with_it) + 0.5) {}
  double log() const { return std::log(with / without); }
  double variance_of_log() const { return 1 / with + 1 / without; }
};

/// How many texts of each class have each word.
struct WordCounts {
  std::vector<std::string> words;
  std::vector<std::int64_t> texts_with;  // [word * n_classes + class]
};

WordCounts count_words(std::span<const std::string> texts, std::span<const std::int64_t> labels,
                       std::size_t n_classes) {
  // A word of a single text gives nothing away. Memory is bounded for many classes too.
  const std::int64_t max_words =
      std::clamp<std::int64_t>(20'000'000 / static_cast<std::int64_t>(n_classes), 1, 100'000);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const Tfidf words(
      views, {.unit = NGramUnit::kWord, .max_n = 1, .min_texts = 2, .max_features = max_words});
  WordCounts counts{words.ngrams(), {}};
  counts.texts_with.resize(counts.words.size() * n_classes);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const auto& entry : words.count(texts[i])) {
      ++counts.texts_with[entry.column * n_classes + static_cast<std::size_t>(labels[i])];
    }
  }
  return counts;
}

/// Counts of a text that are not about words.
struct Characters {
  std::int64_t all = 0, letters = 0, capitals = 0, digits = 0, exclamations = 0;
};

Characters count_characters(std::string_view text) {
  Characters n;
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes, _] = decode_utf8(text, at);
    const auto kind = char_class(code);
    ++n.all;
    n.letters += kind == CharClass::kLetter;
    n.capitals += kind == CharClass::kLetter && to_lower(code) != code;
    n.digits += kind == CharClass::kNumber;
    n.exclamations += code == '!';
    at += bytes;
  }
  return n;
}

std::int64_t count_links(std::string_view lower_case_text) {
  std::int64_t links = 0;
  for (const std::string_view mark : {"http://", "https://", "www."}) {
    for (auto at = lower_case_text.find(mark); at != lower_case_text.npos;
         at = lower_case_text.find(mark, at + 1)) {
      const bool counted = at >= 3 && lower_case_text.substr(at - 3, 3) == "://";  // //www.
      links += !counted;
    }
  }
  return links;
}

double log_of_1_plus(std::int64_t count) { return std::log1p(static_cast<double>(count)); }

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

std::vector<std::vector<TriggerWord>> learn_trigger_words(std::span<const std::string> texts,
                                                          std::span<const std::int64_t> labels,
                                                          std::int64_t n_classes,
                                                          std::int64_t per_class) {
  const auto classes = static_cast<std::size_t>(n_classes);
  const auto counts = count_words(texts, labels, classes);
  std::vector<std::int64_t> texts_of(classes);
  for (const auto label : labels) ++texts_of[static_cast<std::size_t>(label)];
  std::vector<std::vector<TriggerWord>> triggers(classes);
  for (std::size_t w = 0; w < counts.words.size(); ++w) {
    const auto with = counts.texts_with.begin() + static_cast<std::ptrdiff_t>(w * classes);
    const auto with_it = std::accumulate(with, with + n_classes, std::int64_t{0});
    for (std::size_t c = 0; c < classes; ++c) {
      const auto here = with[static_cast<std::ptrdiff_t>(c)];
      const Odds in_class(here, texts_of[c]);
      const Odds elsewhere(with_it - here, std::ssize(texts) - texts_of[c]);
      const double log_odds = in_class.log() - elsewhere.log();
      const double error = std::sqrt(in_class.variance_of_log() + elsewhere.variance_of_log());
      if (log_odds > 2 * error) triggers[c].push_back({counts.words[w], log_odds});
    }
  }
  for (auto& words : triggers) {
    std::ranges::stable_sort(words, std::ranges::greater(), &TriggerWord::log_odds);
    words.resize(std::min(words.size(), static_cast<std::size_t>(per_class)));
  }
  return triggers;
}

HandMadeFeatures::HandMadeFeatures(std::vector<std::vector<TriggerWord>> trigger_words)
    : trigger_words_(std::move(trigger_words)) {
  for (std::size_t c = 0; c < trigger_words_.size(); ++c) {
    for (const auto& trigger : trigger_words_[c]) classes_of_[trigger.word].push_back(c);
  }
}

std::int64_t HandMadeFeatures::size() const { return std::ssize(trigger_words_) + 5; }

std::vector<double> HandMadeFeatures::operator()(std::string_view text) const {
  std::vector<std::int64_t> triggers(trigger_words_.size());
  NGrams(text, NGramUnit::kWord).for_each(1, 1, [&](std::string_view word) {
    const auto classes = classes_of_.find(std::string(word));
    if (classes == classes_of_.end()) return;
    for (const auto c : classes->second) ++triggers[c];
  });
  std::vector<double> features;
  features.reserve(triggers.size() + 5);
  for (const auto n : triggers) features.push_back(log_of_1_plus(n));

  const auto n = count_characters(text);
  features.push_back(log_of_1_plus(n.exclamations));
  features.push_back(log_of_1_plus(count_links(lowercase(text))));
  features.push_back(log_of_1_plus(n.all));
  features.push_back(share(n.capitals, n.letters));
  features.push_back(share(n.digits, n.all));
  return features;
}

}  // namespace gptkit
