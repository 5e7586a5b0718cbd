#pragma once
// Calibration of a classifier's probabilities: log loss, reliability bins, expected calibration
// error, and temperature scaling (Guo et al. 2017, arXiv:1706.04599).

#include <cstdint>
#include <vector>

namespace gptkit {

using ProbabilityRows = std::vector<std::vector<double>>;  ///< [row][class], each row sums to 1

/// Rows whose confidence, the probability of the predicted class, lies in (low, high].
struct ReliabilityBin {
  double low = 0, high = 0;
  std::int64_t rows = 0, right = 0;
  double confidence = 0;  ///< mean; 0 without rows
  double accuracy() const {
    return rows > 0 ? static_cast<double>(right) / static_cast<double>(rows) : 0;
  }
};

struct Calibration {
  double log_loss =
      0;             ///< mean -log p(truth), p held within 2.2e-16 of 0 and 1 as scikit-learn does
  double error = 0;  ///< expected calibration error: mean |accuracy - confidence| over the bins
  std::vector<ReliabilityBin> bins;  ///< of equal width; a confidence of 0 is in the first
};

/// The class with the largest probability, the first of equals.
std::int64_t predicted_class(const std::vector<double>& probabilities);

/// p^(1/T), scaled to sum 1: softmax of the logits divided by T. Keeps the order of the classes. A
/// probability of 0 counts as the smallest normal number.
std::vector<double> with_temperature(const std::vector<double>& probabilities, double temperature);

/// Needs at least one row. Which class is predicted does not depend on the temperature.
Calibration calibration_of(const ProbabilityRows& probabilities,
                           const std::vector<std::int64_t>& truth, double temperature = 1,
                           std::int64_t n_bin = 15);

struct TemperatureFit {
  double temperature = 1;  ///< above 1: the classifier was overconfident
  bool at_limit =
      false;  ///< the optimum is outside [0.05, 20], for example if every row is correct
};

/// The temperature with the lowest log loss on these rows, never higher than that of the unchanged
/// rows. Log loss is convex in 1/T, so bisection of its slope finds the only minimum in about 60
/// passes.
TemperatureFit fit_temperature(const ProbabilityRows& probabilities,
                               const std::vector<std::int64_t>& truth);

}  // namespace gptkit
