#pragma once
// Metrics of predictions against the truth: one label per text, several labels per text
// (multi-label models), or values (regressions). Pure functions; report/metrics_report.h shows the
// results.

#include <cstdint>
#include <string>
#include <vector>

#include "eval/significance.h"

namespace gptkit {

struct ClassMetrics {
  std::string label;
  int64_t support = 0;                       ///< rows of this class
  double precision = 0, recall = 0, f1 = 0;  ///< 0 where undefined (nothing predicted, no rows)
  int64_t predicted = 0;                     ///< rows predicted as this class
};

struct ClassificationMetrics {
  int64_t rows = 0;
  double accuracy = 0;
  Interval accuracy_interval;  ///< 95 %, for other rows from the same distribution
  /// Means over the classes that occur in truth or prediction, each with the same weight.
  double macro_precision = 0, macro_recall = 0, macro_f1 = 0;
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<int64_t>> confusion;  ///< [truth][predicted]
};

/// `truth` and `predicted`: class indices below labels.size(), of equal length, at least one.
ClassificationMetrics classification_metrics(const std::vector<int64_t>& truth,
                                             const std::vector<int64_t>& predicted,
                                             const std::vector<std::string>& labels);

/// The labels of one text, ascending.
using LabelSet = std::vector<int64_t>;

struct MultiLabelMetrics {
  int64_t rows = 0;
  double exact_match = 0;  ///< share of rows whose labels are all correct
  /// Over all labels of all rows together.
  double micro_precision = 0, micro_recall = 0, micro_f1 = 0;
  /// Means over the labels, each with the same weight.
  double macro_precision = 0, macro_recall = 0, macro_f1 = 0;
  std::vector<ClassMetrics> classes;
};

/// `truth` and `predicted`: label indices below labels.size(), of at least one row.
MultiLabelMetrics multi_label_metrics(const std::vector<LabelSet>& truth,
                                      const std::vector<LabelSet>& predicted,
                                      const std::vector<std::string>& labels);

struct RegressionMetrics {
  int64_t rows = 0;
  double mean_squared_error = 0, mean_absolute_error = 0;  ///< over all rows and outputs
};

/// The values of each row; all rows have the same number.
RegressionMetrics regression_metrics(const std::vector<std::vector<double>>& truth,
                                     const std::vector<std::vector<double>>& predicted);

}  // namespace gptkit
