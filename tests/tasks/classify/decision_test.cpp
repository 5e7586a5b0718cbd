#include "tasks/classify/decision.h"

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::ElementsAre;

const std::vector<std::string> kTwo = {"ham", "spam"}, kThree = {"a", "b", "c"};

Prediction decided(const ClassifyConfig& config, const std::vector<std::string>& labels,
                   ProblemType type, std::vector<double> probabilities) {
  auto prediction = prediction_of(std::move(probabilities));
  Decision(config, labels, type).apply_(prediction);
  return prediction;
}

TEST(Decision, WithoutAThresholdTheLikeliestLabelStays) {
  const auto prediction = decided({}, kTwo, ProblemType::kSingleLabel, {0.4, 0.6});
  EXPECT_EQ(prediction.label, 1);
  EXPECT_EQ(prediction.probability, 0.6);
}

TEST(Decision, ThePositiveLabelNeedsItsThreshold) {
  ClassifyConfig config;
  config.positive = "spam";
  config.threshold = 0.7;
  EXPECT_EQ(decided(config, kTwo, ProblemType::kSingleLabel, {0.4, 0.6}).label, 0);
  EXPECT_EQ(decided(config, kTwo, ProblemType::kSingleLabel, {0.3, 0.7}).label, 1);
}

TEST(Decision, AMultiLabelModelHasAThresholdPerLabel) {
  ClassifyConfig config;
  config.thresholds = {"b=0.9"};
  EXPECT_THAT(decided(config, kThree, ProblemType::kMultiLabel, {0.5, 0.8, 0.6}).labels,
              ElementsAre(0, 2));
}

TEST(Decision, RefusesSettingsThatDoNotFitTheModel) {
  ClassifyConfig positive, thresholds, threshold;
  positive.positive = "eggs";
  thresholds.thresholds = {"a=2"};
  threshold.threshold = 0.9;
  expect_error([&] { Decision(positive, kTwo, ProblemType::kSingleLabel); }, "'eggs'");
  expect_error([&] { Decision(positive, kThree, ProblemType::kRegression); }, "regression");
  expect_error([&] { Decision(thresholds, kThree, ProblemType::kMultiLabel); }, "out of range");
  expect_error([&] { Decision(thresholds, kThree, ProblemType::kSingleLabel); }, "multi-label");
  expect_error([&] { Decision(threshold, kTwo, ProblemType::kSingleLabel); }, "threshold");
}

}  // namespace
}  // namespace gptkit
