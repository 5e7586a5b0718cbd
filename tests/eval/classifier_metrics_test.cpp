#include "eval/classifier_metrics.h"

#include "support/support.h"

namespace gptkit {
namespace {

const std::vector<std::string> kLabels = {"ham", "spam"};
const std::vector<int64_t> kTruth = {0, 0, 1, 1};
const ProbabilityRows kProbabilities = {{0.9, 0.1}, {0.4, 0.6}, {0.3, 0.7}, {0.8, 0.2}};

TEST(ClassifierMetrics, AreThoseOfPredictionsRankingAndProbabilities) {
  const auto metrics = classifier_metrics(kTruth, kProbabilities, {.labels = kLabels});
  EXPECT_DOUBLE_EQ(metrics.classification.accuracy, 0.5);
  // Of the four pairs of a spam and a ham row, three are in the right order.
  EXPECT_DOUBLE_EQ(metrics.classes[1].roc_auc.value(), 0.75);
  EXPECT_DOUBLE_EQ(metrics.roc_auc.value(), 0.75);
  EXPECT_GT(metrics.calibration.log_loss, 0);
  EXPECT_FALSE(metrics.at_threshold);
}

TEST(ClassifierMetrics, AThresholdCountsRowsOfThePositiveClass) {
  const auto metrics =
      classifier_metrics(kTruth, kProbabilities,
                         {.labels = kLabels, .positive = 1, .threshold = {{.threshold = 0.65}}});
  ASSERT_TRUE(metrics.at_threshold);
  EXPECT_EQ(metrics.at_threshold->true_positives, 1);
  EXPECT_EQ(metrics.at_threshold->false_positives, 0);
  EXPECT_EQ(metrics.at_threshold->false_negatives, 1);
}

TEST(ClassifierMetrics, TheMeanLeavesOutClassesWithoutARanking) {
  const std::vector<std::string> three = {"a", "b", "never"};
  const auto metrics =
      classifier_metrics({0, 1}, {{0.8, 0.1, 0.1}, {0.2, 0.7, 0.1}}, {.labels = three});
  EXPECT_FALSE(metrics.classes[2].roc_auc);
  EXPECT_DOUBLE_EQ(metrics.roc_auc.value(), 1);
}

}  // namespace
}  // namespace gptkit
