#include "eval/classification_metrics.h"

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

TEST(ClassificationMetrics, AreThoseWorkedOutByHand) {
  // Truth a: 3 of 4 found; b: 1 of 2; c: 2 of 2, and two a and b taken for it.
  const auto metrics =
      classification_metrics({0, 0, 0, 0, 1, 1, 2, 2}, {0, 0, 0, 2, 1, 2, 2, 2}, {"a", "b", "c"});
  EXPECT_EQ(metrics.rows, 8);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 6.0 / 8);
  EXPECT_EQ(metrics.confusion,
            (std::vector<std::vector<int64_t>>{{3, 0, 1}, {0, 1, 1}, {0, 0, 2}}));
  const double want[3][3] = {{1, 0.75, 6.0 / 7}, {1, 0.5, 2.0 / 3}, {0.5, 1, 2.0 / 3}};
  const int64_t support[] = {4, 2, 2};
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(metrics.classes[c].precision, want[c][0]) << c;
    EXPECT_DOUBLE_EQ(metrics.classes[c].recall, want[c][1]) << c;
    EXPECT_DOUBLE_EQ(metrics.classes[c].f1, want[c][2]) << c;
    EXPECT_EQ(metrics.classes[c].support, support[c]) << c;
  }
}

TEST(ClassificationMetrics, MetricsOfNothingAreZero) {
  // Nothing is predicted as b; there is no c in truth, nor as a prediction.
  const auto metrics = classification_metrics({0, 1}, {0, 0}, {"a", "b", "c"});
  EXPECT_DOUBLE_EQ(metrics.accuracy, 0.5);
  for (const size_t c : {size_t{1}, size_t{2}}) {
    EXPECT_EQ(metrics.classes[c].precision, 0);
    EXPECT_EQ(metrics.classes[c].recall, 0);
    EXPECT_EQ(metrics.classes[c].f1, 0);
  }
  EXPECT_EQ(metrics.classes[2].support, 0);
}

TEST(ClassificationMetrics, ShowsWhatAccuracyHides) {
  // 99 to 1, always the majority: accuracy 0.99 and the rare class never found.
  std::vector<int64_t> truth(100, 0);
  truth[42] = 1;
  const auto metrics = classification_metrics(truth, std::vector<int64_t>(100, 0), {"ham", "spam"});
  EXPECT_DOUBLE_EQ(metrics.accuracy, 0.99);
  EXPECT_EQ(metrics.classes[1].recall, 0);
  EXPECT_EQ(metrics.classes[1].f1, 0);
}

TEST(ClassificationMetrics, TheMacroMeanLeavesOutClassesThatNowhereOccur) {
  // sklearn.metrics.precision_recall_fscore_support([0,0,0,1,1], [0,0,3,1,0], average="macro",
  // zero_division=0): classes 0, 1 and 3; class 2 neither occurs nor is predicted.
  const auto metrics =
      classification_metrics({0, 0, 0, 1, 1}, {0, 0, 3, 1, 0}, {"a", "b", "never", "guessed"});
  EXPECT_DOUBLE_EQ(metrics.macro_precision, (2.0 / 3 + 1) / 3);
  EXPECT_DOUBLE_EQ(metrics.macro_recall, (2.0 / 3 + 0.5) / 3);
  EXPECT_DOUBLE_EQ(metrics.macro_f1, (2.0 / 3 + 2.0 / 3) / 3);
}

TEST(ClassificationMetrics, RefusesNoRowsAndUnevenOnes) {
  expect_error([] { classification_metrics({}, {}, {"a"}); }, "there are 0 and 0");
  expect_error([] { classification_metrics({0, 0}, {0}, {"a"}); }, "there are 2 and 1");
}

// scikit-learn 1.7: precision_recall_fscore_support with average None, micro and macro.
TEST(MultiLabelMetrics, AreScikitLearns) {
  const auto metrics =
      multi_label_metrics({{0, 1}, {1}, {}, {0, 2}}, {{0}, {1}, {1}, {0, 1}}, {"a", "b", "c"});
  EXPECT_DOUBLE_EQ(metrics.exact_match, 0.25);
  EXPECT_DOUBLE_EQ(metrics.micro_precision, 3.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.micro_recall, 3.0 / 5);
  EXPECT_DOUBLE_EQ(metrics.classes[1].precision, 1.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.classes[1].recall, 1.0 / 2);
  EXPECT_DOUBLE_EQ(metrics.macro_recall, (1 + 0.5 + 0) / 3);
}

TEST(RegressionMetrics, ErrorsAreMeansOverAllValues) {
  const auto metrics = regression_metrics({{1, 2}, {3, 4}}, {{1, 4}, {2, 4}});
  EXPECT_DOUBLE_EQ(metrics.mean_squared_error, 5.0 / 4);
  EXPECT_DOUBLE_EQ(metrics.mean_absolute_error, 3.0 / 4);
}

}  // namespace
}  // namespace gptkit
