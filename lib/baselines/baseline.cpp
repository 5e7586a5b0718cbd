#include "baselines/baseline.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/stop.h"
#include "baselines/logistic_regression.h"
#include "baselines/tfidf.h"
#include "baselines/trigger_words.h"

namespace gptkit {

namespace {

constexpr std::string_view kStopped = "stopped while training the simpler methods";
constexpr double kC = 1;  // the strength of scikit-learn's default
// 31 are enough for the book's messages; the bound is for large sets whose fit is slow.
constexpr std::int64_t kMaxIterations = 200;
constexpr std::int64_t kTriggersPerClass = 50;
constexpr std::int64_t kMaxFeatures = 300'000, kMaxWeights = 2'000'000;

struct TrainingSet {
  std::span<const std::string> texts;
  std::span<const std::int64_t> labels;
  std::int64_t n_classes;
  const std::vector<double>& class_weights;
};

void check(const TrainingSet& train) {
  require(!train.texts.empty(), "no labelled texts to train the baselines on");
  require(train.n_classes >= 2, "baselines for ", train.n_classes,
          " classes; expected at least two");
  require(train.texts.size() == train.labels.size(), train.texts.size(), " texts have ",
          train.labels.size(), " labels; expected one each");
  for (std::size_t i = 0; i < train.labels.size(); ++i) {
    require(train.labels[i] >= 0 && train.labels[i] < train.n_classes, "text ", i,
            " has the class ", train.labels[i], "; expected one from 0 to ", train.n_classes - 1);
  }
}

/// Turns every text into a row and fits the weights.
template <class RowOf>
LogisticRegression fit(const TrainingSet& train, std::int64_t n_columns, const RowOf& row_of) {
  ClassifiedRows data{{}, {}, n_columns, train.n_classes};
  data.rows.reserve(train.texts.size());
  for (const auto& text : train.texts) {
    stop_if_asked(kStopped);
    data.rows.push_back(row_of(text));
  }
  data.labels.assign(train.labels.begin(), train.labels.end());
  return LogisticRegression(
      data, {.c = kC, .class_weights = train.class_weights, .max_iterations = kMaxIterations});
}

Baseline ngram_baseline(std::string name, const TrainingSet& train, TfidfOptions options) {
  options.max_features = std::clamp<std::int64_t>(kMaxWeights / train.n_classes, 1, kMaxFeatures);
  const std::vector<std::string_view> texts(train.texts.begin(), train.texts.end());
  const auto tfidf = std::make_shared<const Tfidf>(texts, options);
  const auto row_of = [tfidf](std::string_view text) { return tfidf->transform(text); };
  const auto model =
      std::make_shared<const LogisticRegression>(fit(train, tfidf->n_columns(), row_of));
  const char* const unit = options.unit == NGramUnit::kWord ? "word" : "character";
  return {.name = std::move(name),
          .description = concat("logistic regression (C ", kC, ") on tf-idf of ", unit, " ",
                                options.min_n, "-", options.max_n, "-grams: ", tfidf->n_columns()),
          .classify = [=](std::string_view text) { return model->probabilities(row_of(text)); }};
}

/// Hand-made features with mean 0 and deviation 1 over the training texts.
class StandardFeatures {
 public:
  StandardFeatures(const TrainingSet& train)
      : features_(
            learn_trigger_words(train.texts, train.labels, train.n_classes, kTriggersPerClass)),
        mean_(static_cast<std::size_t>(features_.size())),
        deviation_(mean_) {
    std::vector<std::vector<double>> rows;
    for (const auto& text : train.texts) {
      stop_if_asked(kStopped);
      rows.push_back(features_(text));
    }
    const auto n = static_cast<double>(rows.size());
    for (std::size_t f = 0; f < mean_.size(); ++f) {
      for (const auto& row : rows) mean_[f] += row[f] / n;
      for (const auto& row : rows) deviation_[f] += (row[f] - mean_[f]) * (row[f] - mean_[f]) / n;
      deviation_[f] = std::sqrt(deviation_[f]);
      if (deviation_[f] < 1e-12) deviation_[f] = 1;  // the same in every text: no use, no harm
    }
  }

  std::int64_t size() const { return features_.size(); }

  SparseRow operator()(std::string_view text) const {
    const auto features = features_(text);
    SparseRow row;
    for (std::size_t f = 0; f < features.size(); ++f) {
      row.push_back({static_cast<std::uint32_t>(f),
                     static_cast<float>((features[f] - mean_[f]) / deviation_[f])});
    }
    return row;
  }

 private:
  HandMadeFeatures features_;
  std::vector<double> mean_, deviation_;
};

Baseline hand_made_baseline(const TrainingSet& train) {
  const auto features = std::make_shared<const StandardFeatures>(train);
  const auto model =
      std::make_shared<const LogisticRegression>(fit(train, features->size(), *features));
  return {
      .name = "hand_made",
      .description = concat("logistic regression (C ", kC,
                            ") on trigger words learnt from the training texts, exclamation "
                            "marks, links, length, capitals and digits"),
      .classify = [=](std::string_view text) { return model->probabilities((*features)(text)); }};
}

template <class Train>
Baseline timed(const Train& train) {
  const auto begin = std::chrono::steady_clock::now();
  Baseline baseline = train();
  baseline.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return baseline;
}

}  // namespace

std::vector<std::vector<double>> Baseline::predict(const std::vector<std::string>& texts) const {
  std::vector<std::vector<double>> probabilities;
  for (const auto& text : texts) {
    stop_if_asked(kStopped);
    probabilities.push_back(classify(text));
  }
  return probabilities;
}

std::vector<Baseline> train_baselines(std::span<const std::string> texts,
                                      std::span<const std::int64_t> labels, std::int64_t n_classes,
                                      const std::vector<double>& class_weights) {
  const TrainingSet set{texts, labels, n_classes, class_weights};
  check(set);
  return {
      timed([&] { return ngram_baseline("word_ngrams", set, {.max_n = 2}); }),
      timed([&] {
        return ngram_baseline("character_ngrams", set,
                              {.unit = NGramUnit::kCharacter, .min_n = 2, .max_n = 5});
      }),
      timed([&] { return hand_made_baseline(set); }),
  };
}

}  // namespace gptkit
