#pragma once
// A spam classifier's predictions as they could be, made from a seed: what the tests of reports
// show.

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "report/classifier_report.h"

namespace gptkit::test {

/// `n` rows; every `every`th is of class 1. A row's log-odds lie `skill` from 0 to its side, give
/// or take a normal deviation of 1, and are then multiplied by `sureness`.
inline SplitPredictions made_up_split(const std::string& name, int n, unsigned seed,
                                      double skill = 2.5, double sureness = 2, int every = 7) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise;
  SplitPredictions split;
  split.name = name;
  for (int row = 0; row < n; ++row) {
    const int64_t truth = row % every == every - 1 ? 1 : 0;
    const double log_odds = sureness * ((truth == 1 ? skill : -skill) + noise(random));
    const double p = 1 / (1 + std::exp(-log_odds));
    split.texts.push_back(name + " text number " + std::to_string(row));
    split.rows.push_back(3 * row);
    split.truth.push_back(truth);
    split.probabilities.push_back({1 - p, p});
  }
  return split;
}

/// The same rows as seen by another classifier.
inline ProbabilityRows made_up_probabilities(const SplitPredictions& split, unsigned seed,
                                             double skill) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise;
  ProbabilityRows rows;
  for (const int64_t truth : split.truth) {
    const double p = 1 / (1 + std::exp(-2 * ((truth == 1 ? skill : -skill) + noise(random))));
    rows.push_back({1 - p, p});
  }
  return rows;
}

inline ClassifierReportInput made_up_input() {
  ClassifierReportInput input;
  input.model_name = "gpt2";
  input.labels = {"ham", "spam"};
  input.splits = {made_up_split("train", 2100, 1, 3), made_up_split("validation", 700, 2),
                  made_up_split("test", 700, 3)};
  input.target_precision = 0.95;
  return input;
}

inline BaselinePredictions made_up_baseline(const ClassifierReportInput& input,
                                            const std::string& name, double skill) {
  BaselinePredictions baseline;
  baseline.name = name;
  baseline.description = "made up with skill " + std::to_string(skill);
  baseline.seconds = 0.5;
  unsigned seed = 100;
  for (const auto& split : input.splits) {
    baseline.probabilities[split.name] = made_up_probabilities(split, ++seed, skill);
  }
  return baseline;
}

}  // namespace gptkit::test
