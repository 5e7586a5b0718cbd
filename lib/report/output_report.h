#pragma once
// Metrics of classifiers whose outputs are not one label a text: multi-label models and
// regressions.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "report/classification_report.h"

namespace gptkit {

/// Labels of a text, each with the others or without.
using LabelSet = std::vector<int64_t>;

struct MultiLabelReport {
  int64_t rows = 0;
  double exact_match = 0;  ///< share of rows whose labels are all right
  /// Over all labels of all rows together.
  double micro_precision = 0, micro_recall = 0, micro_f1 = 0;
  /// Means over the labels, each counting the same.
  double macro_precision = 0, macro_recall = 0, macro_f1 = 0;
  std::vector<ClassFigures> classes;
};

/// `truth` and `predicted`: ascending label numbers below labels.size(), of at least one row.
MultiLabelReport multi_label_report(const std::vector<LabelSet>& truth,
                                    const std::vector<LabelSet>& predicted,
                                    const std::vector<std::string>& labels);

/// {"problem_type", "rows", "exact_match", "micro" and "macro": {"precision", "recall", "f1"},
/// "classes": {label: {"precision", "recall", "f1", "rows"}}}
OrderedJson to_json(const MultiLabelReport& report);
std::string to_text(const MultiLabelReport& report);

struct RegressionReport {
  int64_t rows = 0;
  double mean_squared_error = 0, mean_absolute_error = 0;  ///< over all rows and outputs
};

/// Values of each row; equally many in each.
RegressionReport regression_report(const std::vector<std::vector<double>>& truth,
                                   const std::vector<std::vector<double>>& predicted);
/// {"problem_type", "rows", "mean_squared_error", "mean_absolute_error"}
OrderedJson to_json(const RegressionReport& report);
std::string to_text(const RegressionReport& report);

}  // namespace gptkit
