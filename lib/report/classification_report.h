#pragma once
// Figures of a classifier against the truth.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/significance.h"

namespace gptkit {

struct ClassFigures {
  std::string label;
  int64_t support = 0;                       ///< rows of this class
  double precision = 0, recall = 0, f1 = 0;  ///< 0 where undefined (nothing predicted, no rows)
  int64_t predicted = 0;                     ///< rows called so
};

struct ClassificationReport {
  int64_t rows = 0;
  double accuracy = 0;
  Interval accuracy_interval;  ///< 95 %, of other rows of the same kind
  /// Means over the classes that occur in truth or prediction, each counting the same.
  double macro_precision = 0, macro_recall = 0, macro_f1 = 0;
  std::vector<ClassFigures> classes;
  std::vector<std::vector<int64_t>> confusion;  ///< [truth][predicted]
};

/// `truth` and `predicted`: class numbers below labels.size(), equally many and at least one.
ClassificationReport classification_report(const std::vector<int64_t>& truth,
                                           const std::vector<int64_t>& predicted,
                                           const std::vector<std::string>& labels);

/// {"rows", "accuracy", "accuracy_interval": [low, high], "macro": {"precision", "recall", "f1"},
/// "classes": {label: {"precision", "recall", "f1", "rows"}}, "confusion": [truth][predicted]}
OrderedJson to_json(const ClassificationReport& report);
/// A table for people.
std::string to_text(const ClassificationReport& report);

}  // namespace gptkit
