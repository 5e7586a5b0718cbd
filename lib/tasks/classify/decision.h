#pragma once
// From a classifier's probabilities to the label or labels that a text is given.

#include <string>
#include <vector>

#include "tasks/classify/classify.h"
#include "tasks/classify/prediction.h"
#include "weights/bundle.h"

namespace gptkit {

/// The thresholds that a call asks for, checked against the model's labels.
class Decision {
 public:
  /// Fails naming the option that does not fit the model: `positive` is for two labels, thresholds
  /// are not for a regression, and without a positive label `threshold` is for several labels.
  Decision(const ClassifyConfig& config, const std::vector<std::string>& labels, ProblemType type);

  /// The positive label from its threshold on, else the other one; of a multi-label model every
  /// label from its threshold on.
  void apply_(Prediction& prediction) const;

 private:
  ProblemType type_;
  int64_t positive_ = -1;
  std::vector<double> least_;  // of each label
};

}  // namespace gptkit
