#pragma once
// Chooses the label or labels of a text from a classifier's probabilities.

#include <string>
#include <vector>

#include "tasks/classify/classify.h"
#include "tasks/classify/prediction.h"
#include "weights/bundle.h"

namespace gptkit {

/// The thresholds of a call, checked against the model's labels.
class Decision {
 public:
  /// Fails naming the option that does not fit the model: `positive` is for two labels, thresholds
  /// are not for a regression, and without a positive label `threshold` is for several labels.
  Decision(const ClassifyConfig& config, const std::vector<std::string>& labels, ProblemType type);

  /// The positive label if it reaches its threshold, else the other label. For a multi-label model,
  /// every label that reaches its threshold.
  void apply_(Prediction& prediction) const;

 private:
  ProblemType type_;
  int64_t positive_ = -1;
  std::vector<double> least_;  // of each label
};

}  // namespace gptkit
