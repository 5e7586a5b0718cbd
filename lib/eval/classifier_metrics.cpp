#include "eval/classifier_metrics.h"

namespace gptkit {

namespace {

constexpr double kCurveGap = 0.002;

/// The mean of the defined values.
std::optional<double> mean_of(const std::vector<OneVersusRest>& classes,
                              std::optional<double> OneVersusRest::*metric) {
  double sum = 0;
  int64_t n = 0;
  for (const auto& one : classes) {
    if (!(one.*metric)) continue;
    sum += *(one.*metric);
    ++n;
  }
  return n > 0 ? std::optional(sum / static_cast<double>(n)) : std::nullopt;
}

}  // namespace

Ranking ranking_of_class(int64_t label, const std::vector<int64_t>& truth,
                         const ProbabilityRows& probabilities) {
  std::vector<double> scores;
  std::vector<bool> positive;
  for (size_t row = 0; row < truth.size(); ++row) {
    scores.push_back(probabilities[row][static_cast<size_t>(label)]);
    positive.push_back(truth[row] == label);
  }
  return rank_by_score(scores, positive);
}

ClassifierMetrics classifier_metrics(const std::vector<int64_t>& truth,
                                     const ProbabilityRows& probabilities,
                                     const DecisionRule& rule) {
  std::vector<int64_t> predicted;
  for (const auto& row : probabilities) predicted.push_back(predicted_class(row));
  ClassifierMetrics metrics;
  metrics.classification = classification_metrics(truth, predicted, rule.labels);
  metrics.calibration = calibration_of(probabilities, truth);
  for (size_t c = 0; c < rule.labels.size(); ++c) {
    const auto label = static_cast<int64_t>(c);
    const auto ranking = ranking_of_class(label, truth, probabilities);
    metrics.classes.push_back({roc_auc(ranking), average_precision(ranking),
                               roc_curve(ranking, kCurveGap),
                               precision_recall_curve(ranking, kCurveGap)});
    if (rule.threshold && rule.positive == label) {
      metrics.at_threshold = count_at(ranking, rule.threshold->threshold);
    }
  }
  metrics.roc_auc = mean_of(metrics.classes, &OneVersusRest::roc_auc);
  metrics.average_precision = mean_of(metrics.classes, &OneVersusRest::average_precision);
  return metrics;
}

}  // namespace gptkit
