#pragma once
// The prediction for one text.

#include <cstdint>
#include <optional>
#include <vector>

namespace gptkit {

struct Prediction {
  int64_t label = 0;                  ///< with the highest probability or value
  double probability = 0;             ///< of that label; for a regression the value
  std::vector<double> probabilities;  ///< of every class; for a regression the values
  std::vector<int64_t> labels = {};   ///< for a multi-label model: the labels of the text
  bool truncated = false;             ///< the text was cut to the model's limit
  std::optional<int64_t> shots = {};  ///< examples in the prompt of a language model
};

/// The most probable class (the first one of equals).
Prediction prediction_of(std::vector<double> probabilities);

}  // namespace gptkit
