#pragma once
// What is known of a text that was given a label.

#include <cstdint>
#include <optional>
#include <vector>

namespace gptkit {

struct Prediction {
  int64_t label = 0;                  ///< with the highest probability or value
  double probability = 0;             ///< of that label; of a regression its value
  std::vector<double> probabilities;  ///< of every class; of a regression their values
  std::vector<int64_t> labels = {};   ///< of a multi-label model: those that the text has
  bool truncated = false;             ///< the text was cut to what the model takes
  std::optional<int64_t> shots = {};  ///< examples in the prompt of a language model
};

/// The likeliest class (the first of equals) of these probabilities.
Prediction prediction_of(std::vector<double> probabilities);

}  // namespace gptkit
