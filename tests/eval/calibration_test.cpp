#include "eval/calibration.h"

#include <cmath>
#include <random>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

const ProbabilityRows kRows = {{0.7, 0.2, 0.1},   {0.1, 0.8, 0.1},  {0.3, 0.3, 0.4},
                               {0.2, 0.5, 0.3},   {0.6, 0.3, 0.1},  {0.05, 0.05, 0.9},
                               {0.25, 0.5, 0.25}, {0.4, 0.35, 0.25}};
const std::vector<int64_t> kTruth = {0, 1, 2, 2, 0, 2, 1, 1};

/// Rows whose logits are `scale` times too large, with truths drawn from the right probabilities.
std::pair<ProbabilityRows, std::vector<int64_t>> miscalibrated(double scale, int rows) {
  std::mt19937 random(17);
  std::normal_distribution<double> normal;
  ProbabilityRows probabilities;
  std::vector<int64_t> truth;
  for (int row = 0; row < rows; ++row) {
    std::vector<double> right = {std::exp(normal(random)), std::exp(normal(random)),
                                 std::exp(2 * normal(random))};
    std::discrete_distribution<int64_t> draw(right.begin(), right.end());
    truth.push_back(draw(random));
    double sum = 0;
    for (double& p : right) sum += p;
    for (double& p : right) p /= sum;
    probabilities.push_back(with_temperature(right, 1 / scale));
  }
  return {probabilities, truth};
}

TEST(Calibration, LogLossIsThatOfScikitLearn) {
  EXPECT_DOUBLE_EQ(calibration_of(kRows, kTruth).log_loss, 0.6324046844919342);  // log_loss(t, P)
  // log_loss([0, 1], [[0, 1], [0, 1]]): a sure mistake costs 36, not infinity
  EXPECT_DOUBLE_EQ(calibration_of({{0, 1}, {0, 1}}, {0, 1}).log_loss, 18.021826694558577);
}

TEST(Calibration, TheErrorIsTheMeanGapOverFifteenBins) {
  // NumPy: for b in range(15): m = (c > b/15) & (c <= (b+1)/15); e += |acc[m] - c[m]| m.mean()
  const auto calibration = calibration_of(kRows, kTruth);
  EXPECT_NEAR(calibration.error, 0.15, 1e-12);
  ASSERT_EQ(calibration.bins.size(), 15u);
  int64_t rows = 0, right = 0;
  for (const auto& bin : calibration.bins) {
    rows += bin.rows;
    right += bin.right;
    if (bin.rows == 0) continue;
    EXPECT_GT(bin.confidence, bin.low);
    EXPECT_LE(bin.confidence, bin.high + 1e-12);
  }
  EXPECT_EQ(rows, 8);
  EXPECT_EQ(right, 6);
}

TEST(Calibration, OneBinComparesTheMeans) {
  const auto calibration = calibration_of({{0.9, 0.1}, {0.8, 0.2}}, {0, 1}, 1, 1);
  EXPECT_NEAR(calibration.error, 0.85 - 0.5, 1e-12);
}

TEST(Temperature, IsTheMinimumThatSciPyFinds) {
  // minimize_scalar of the log loss over log T, bounded, xatol 1e-12
  const auto fit = fit_temperature(kRows, kTruth);
  EXPECT_NEAR(fit.temperature, 0.33625858466183606, 1e-6);
  EXPECT_FALSE(fit.at_limit);
  EXPECT_NEAR(calibration_of(kRows, kTruth, fit.temperature).log_loss, 0.4770035331966227, 1e-9);
}

TEST(Temperature, FindsHowMuchTooSureAClassifierIs) {
  for (const double scale : {0.4, 1.0, 3.0}) {
    const auto [rows, truth] = miscalibrated(scale, 6000);
    // 6,000 draws leave a few per cent.
    EXPECT_NEAR(fit_temperature(rows, truth).temperature, scale, 0.1 * scale);
  }
}

TEST(Temperature, NeverRaisesTheLogLossItIsFittedOn) {
  for (const int rows : {1, 2, 3, 10, 100}) {
    for (const double scale : {0.2, 1.0, 5.0}) {
      const auto [probabilities, truth] = miscalibrated(scale, rows);
      const auto fit = fit_temperature(probabilities, truth);
      EXPECT_LE(calibration_of(probabilities, truth, fit.temperature).log_loss,
                calibration_of(probabilities, truth).log_loss);
    }
  }
  // Sure mistakes beyond the bound on p.
  const ProbabilityRows sure = {{1, 0}, {1e-300, 1}, {0.6, 0.4}};
  const auto fit = fit_temperature(sure, {1, 0, 0});
  EXPECT_LE(calibration_of(sure, {1, 0, 0}, fit.temperature).log_loss,
            calibration_of(sure, {1, 0, 0}).log_loss);
}

TEST(Temperature, NeverChangesWhichClassIsPredicted) {
  const auto [rows, truth] = miscalibrated(2, 500);
  for (const double temperature : {0.05, 0.5, 1.7, 20.0}) {
    for (const auto& row : rows) {
      const auto scaled = with_temperature(row, temperature);
      EXPECT_EQ(predicted_class(scaled), predicted_class(row));
      double sum = 0;
      for (const double p : scaled) sum += p;
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

TEST(Temperature, OfRowsAllRightIsAtItsLimit) {
  const auto fit = fit_temperature({{0.9, 0.1}, {0.2, 0.8}}, {0, 1});
  EXPECT_TRUE(fit.at_limit);
  EXPECT_DOUBLE_EQ(fit.temperature, 0.05);
  EXPECT_TRUE(fit_temperature({{1, 0}, {0, 1}}, {0, 1}).temperature > 0);
}

TEST(Calibration, RefusesNoRows) {
  expect_error([] { calibration_of({}, {}); }, "there are 0 and 0");
  expect_error([] { fit_temperature({{1, 0}}, {0, 1}); }, "there are 1 and 2");
}

}  // namespace
}  // namespace gptkit
