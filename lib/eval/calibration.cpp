#include "eval/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr double kLeastTemperature = 0.05, kMostTemperature = 20;

void require_pairs(const ProbabilityRows& probabilities, const std::vector<std::int64_t>& truth) {
  require(probabilities.size() == truth.size() && !truth.empty(),
          "calibration needs a truth for each row of probabilities; there are ",
          probabilities.size(), " and ", truth.size());
}

double log_of(double probability) {
  return std::log(std::max(probability, std::numeric_limits<double>::min()));
}

double surprise(double probability) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  return -std::log(std::clamp(probability, kEpsilon, 1 - kEpsilon));
}

/// d(log loss)/d(1/T) times the number of rows: the expected log-probability minus that of the
/// truth.
double slope(const ProbabilityRows& probabilities, const std::vector<std::int64_t>& truth,
             double temperature) {
  double sum = 0;
  for (size_t row = 0; row < truth.size(); ++row) {
    const auto& given = probabilities[row];
    const auto scaled = with_temperature(given, temperature);
    for (size_t c = 0; c < given.size(); ++c) sum += scaled[c] * log_of(given[c]);
    sum -= log_of(given[static_cast<size_t>(truth[row])]);
  }
  return sum;
}

double log_loss(const ProbabilityRows& probabilities, const std::vector<std::int64_t>& truth,
                double temperature) {
  double sum = 0;
  for (size_t row = 0; row < truth.size(); ++row) {
    const auto scaled = with_temperature(probabilities[row], temperature);
    sum += surprise(scaled[static_cast<size_t>(truth[row])]);
  }
  return sum / static_cast<double>(truth.size());
}

}  // namespace

std::int64_t predicted_class(const std::vector<double>& probabilities) {
  return std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
}

std::vector<double> with_temperature(const std::vector<double>& probabilities, double temperature) {
  if (temperature == 1) return probabilities;  // unchanged, to the last bit
  const double greatest = log_of(*std::max_element(probabilities.begin(), probabilities.end()));
  std::vector<double> scaled;
  double sum = 0;
  for (const double p : probabilities) {
    scaled.push_back(std::exp((log_of(p) - greatest) / temperature));
    sum += scaled.back();
  }
  for (double& p : scaled) p /= sum;
  return scaled;
}

Calibration calibration_of(const ProbabilityRows& probabilities,
                           const std::vector<std::int64_t>& truth, double temperature,
                           std::int64_t n_bin) {
  require_pairs(probabilities, truth);
  require(n_bin >= 1, "calibration bins: ", n_bin, " is out of range; expected at least 1");
  Calibration result{log_loss(probabilities, truth, temperature), 0, {}};
  const auto width = static_cast<double>(n_bin);
  for (std::int64_t bin = 0; bin < n_bin; ++bin) {
    const auto low = static_cast<double>(bin);
    result.bins.push_back({.low = low / width, .high = (low + 1) / width});
  }
  for (size_t row = 0; row < truth.size(); ++row) {
    const auto predicted = predicted_class(probabilities[row]);
    const double confidence =
        with_temperature(probabilities[row], temperature)[static_cast<size_t>(predicted)];
    const auto at = static_cast<std::int64_t>(std::ceil(confidence * width)) - 1;
    auto& bin = result.bins[static_cast<size_t>(std::clamp<std::int64_t>(at, 0, n_bin - 1))];
    ++bin.rows;
    bin.right += predicted == truth[row];
    bin.confidence += confidence;
  }
  for (auto& bin : result.bins) {
    if (bin.rows == 0) continue;
    bin.confidence /= static_cast<double>(bin.rows);
    result.error += std::abs(bin.accuracy() - bin.confidence) * static_cast<double>(bin.rows) /
                    static_cast<double>(truth.size());
  }
  return result;
}

TemperatureFit fit_temperature(const ProbabilityRows& probabilities,
                               const std::vector<std::int64_t>& truth) {
  require_pairs(probabilities, truth);
  TemperatureFit fit;
  double low = std::log(kLeastTemperature), high = std::log(kMostTemperature);
  // The slope in 1/T is positive if the classifier is overconfident: a larger T is then better.
  if (slope(probabilities, truth, kMostTemperature) > 0) {
    fit = {kMostTemperature, true};
  } else if (slope(probabilities, truth, kLeastTemperature) <= 0) {
    fit = {kLeastTemperature, true};
  } else {
    for (int pass = 0; pass < 60 && high - low > 1e-12; ++pass) {
      const double middle = (low + high) / 2;
      (slope(probabilities, truth, std::exp(middle)) > 0 ? low : high) = middle;
    }
    fit.temperature = std::exp((low + high) / 2);
  }
  // The minimum is that of the log loss without bounds on p; with the bounds the unchanged rows may
  // be better.
  if (log_loss(probabilities, truth, fit.temperature) > log_loss(probabilities, truth, 1)) {
    return {};
  }
  return fit;
}

}  // namespace gptkit
