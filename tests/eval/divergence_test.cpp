#include "eval/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace gptkit {
namespace {

/// Logits of these probabilities, moved by `shift`, which changes no probability.
std::vector<float> logits_of(const std::vector<double>& probabilities, double shift = 0) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p) + shift));
  return logits;
}

constexpr double kTolerance = 1e-6;  // logits are float32

TEST(Divergence, IsTheTextbookSum) {
  const auto p = logits_of({0.5, 0.25, 0.25}), q = logits_of({0.25, 0.25, 0.5}, 30);
  const auto metrics = compare_logits(p, q, 0);
  // 0.5 log(0.5 / 0.25) + 0.25 log(0.25 / 0.25) + 0.25 log(0.25 / 0.5)
  EXPECT_NEAR(metrics.divergence, 0.25 * std::log(2), kTolerance);
  EXPECT_NEAR(metrics.loss, std::log(4), kTolerance) << "the target's probability is 0.25";
  EXPECT_FALSE(metrics.same_top);
}

TEST(Divergence, IsNotSymmetric) {
  const auto p = logits_of({0.9, 0.1}), q = logits_of({0.6, 0.4});
  EXPECT_NEAR(compare_logits(p, q, 0).divergence, 0.9 * std::log(1.5) - 0.1 * std::log(4),
              kTolerance);
  EXPECT_NEAR(compare_logits(q, p, 0).divergence, -0.6 * std::log(1.5) + 0.4 * std::log(4),
              kTolerance);
}

TEST(Divergence, OfAModelFromItselfIsZero) {
  const auto p = logits_of({0.2, 0.5, 0.3}, -700);
  const auto metrics = compare_logits(p, p, 1);
  EXPECT_EQ(metrics.divergence, 0);
  EXPECT_TRUE(metrics.same_top);
  EXPECT_NEAR(metrics.loss, -std::log(0.5), 1e-4) << "floats near 700 lie 6e-5 apart";
}

TEST(Divergence, AConstantOnAllLogitsChangesNothing) {
  const auto p = logits_of({0.2, 0.5, 0.3}), q = logits_of({0.2, 0.5, 0.3}, 3);
  EXPECT_NEAR(compare_logits(p, q, 2).divergence, 0, kTolerance);
}

TEST(Divergence, LogitsThatAreNotFiniteGiveALossThatIsNot) {
  const auto p = logits_of({0.2, 0.8});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(compare_logits(p, std::vector<float>{0, nan}, 0).loss));
  EXPECT_FALSE(std::isfinite(compare_logits(p, std::vector<float>{nan, 0}, 1).loss));
}

TEST(DivergenceSum, GivesMeansAndTheirError) {
  DivergenceSum sum;
  for (const double divergence : {1.0, 2.0, 3.0, 6.0}) {
    sum.add({.loss = divergence / 2, .divergence = divergence, .same_top = divergence > 1});
  }
  const auto mean = sum.mean();
  EXPECT_EQ(mean.tokens, 4);
  EXPECT_DOUBLE_EQ(mean.divergence, 3);
  // Squared deviations 4 + 1 + 0 + 9 over 3 are the variance, 14 / 3; over 4 that of the mean.
  EXPECT_DOUBLE_EQ(mean.divergence_error, std::sqrt(14.0 / 12));
  EXPECT_DOUBLE_EQ(mean.loss, 1.5);
  EXPECT_DOUBLE_EQ(mean.perplexity, std::exp(1.5));
  EXPECT_DOUBLE_EQ(mean.same_top, 0.75);
}

TEST(DivergenceSum, OfOnePositionHasNoError) {
  DivergenceSum sum;
  EXPECT_EQ(sum.mean().tokens, 0);
  sum.add({.loss = 1, .divergence = 2, .same_top = true});
  EXPECT_EQ(sum.mean().divergence, 2);
  EXPECT_EQ(sum.mean().divergence_error, 0);
}

}  // namespace
}  // namespace gptkit
