#pragma once
// What a classifier says about one text.

#include <string>
#include <vector>

#include "gptkit/namespace.h"

namespace gptkit::api {

struct Prediction {
  std::string label;       ///< with the highest probability; for a regression, the output's name
  double probability = 0;  ///< of that label; for a regression, the value
  /// Of every label, in the order of Classifier::labels(); for a regression, the values.
  std::vector<double> probabilities;
  /// Of a multi-label model: every label with a probability of at least 0.5.
  std::vector<std::string> labels;
  bool truncated = false;  ///< the text was longer than the model's limit and was cut
};

}  // namespace gptkit::api
