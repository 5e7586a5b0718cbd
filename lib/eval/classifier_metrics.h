#pragma once
// Metrics of a classifier with probabilities on one set of rows: predictions, ranking of each
// class, calibration, and the effect of a threshold.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/calibration.h"
#include "eval/classification_metrics.h"
#include "eval/ranking.h"

namespace gptkit {

/// One class against all others.
struct OneVersusRest {
  std::optional<double> roc_auc, average_precision;
  std::vector<CurvePoint> roc, precision_recall;  ///< thinned to steps of 0.002
};

struct ClassifierMetrics {
  ClassificationMetrics classification;
  Calibration calibration;
  std::vector<OneVersusRest> classes;
  std::optional<double> roc_auc, average_precision;  ///< means over the classes that have them
  std::optional<BinaryCounts> at_threshold;          ///< of the positive class
};

/// The settings of a classifier that are the same for every set of rows.
struct DecisionRule {
  const std::vector<std::string>& labels;
  std::optional<int64_t> positive = {};  ///< the class that the threshold is for
  std::optional<ThresholdChoice> threshold = {};
};

/// Arguments of equal length, at least one row; probabilities as in calibration.h. Sorts once per
/// class.
ClassifierMetrics classifier_metrics(const std::vector<int64_t>& truth,
                                     const ProbabilityRows& probabilities,
                                     const DecisionRule& rule);

/// The rows ranked by their probability of one class.
Ranking ranking_of_class(int64_t label, const std::vector<int64_t>& truth,
                         const ProbabilityRows& probabilities);

}  // namespace gptkit
