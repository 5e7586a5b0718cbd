#include "report/classification_report.h"

#include <algorithm>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

TEST(ClassificationReport, GivesTheFiguresWorkedOutByHand) {
  // Truth a: 3 of 4 found; b: 1 of 2; c: 2 of 2, and two a and b taken for it.
  const auto report =
      classification_report({0, 0, 0, 0, 1, 1, 2, 2}, {0, 0, 0, 2, 1, 2, 2, 2}, {"a", "b", "c"});
  EXPECT_EQ(report.rows, 8);
  EXPECT_DOUBLE_EQ(report.accuracy, 6.0 / 8);
  EXPECT_EQ(report.confusion, (std::vector<std::vector<int64_t>>{{3, 0, 1}, {0, 1, 1}, {0, 0, 2}}));
  const double want[3][3] = {{1, 0.75, 6.0 / 7}, {1, 0.5, 2.0 / 3}, {0.5, 1, 2.0 / 3}};
  const int64_t support[] = {4, 2, 2};
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(report.classes[c].precision, want[c][0]) << c;
    EXPECT_DOUBLE_EQ(report.classes[c].recall, want[c][1]) << c;
    EXPECT_DOUBLE_EQ(report.classes[c].f1, want[c][2]) << c;
    EXPECT_EQ(report.classes[c].support, support[c]) << c;
  }
}

TEST(ClassificationReport, FiguresOfNothingAreZero) {
  // Nothing is predicted as b; there is no c in truth, nor as a prediction.
  const auto report = classification_report({0, 1}, {0, 0}, {"a", "b", "c"});
  EXPECT_DOUBLE_EQ(report.accuracy, 0.5);
  for (const size_t c : {size_t{1}, size_t{2}}) {
    EXPECT_EQ(report.classes[c].precision, 0);
    EXPECT_EQ(report.classes[c].recall, 0);
    EXPECT_EQ(report.classes[c].f1, 0);
  }
  EXPECT_EQ(report.classes[2].support, 0);
}

TEST(ClassificationReport, ShowsWhatAccuracyHides) {
  // 99 to 1, always the majority: accuracy 0.99 and the rare class never found.
  std::vector<int64_t> truth(100, 0);
  truth[42] = 1;
  const auto report = classification_report(truth, std::vector<int64_t>(100, 0), {"ham", "spam"});
  EXPECT_DOUBLE_EQ(report.accuracy, 0.99);
  EXPECT_EQ(report.classes[1].recall, 0);
  EXPECT_EQ(report.classes[1].f1, 0);
}

TEST(ClassificationReport, TheMacroMeanLeavesOutClassesThatNowhereOccur) {
  // sklearn.metrics.precision_recall_fscore_support([0,0,0,1,1], [0,0,3,1,0], average="macro",
  // zero_division=0): classes 0, 1 and 3; class 2 neither occurs nor is predicted.
  const auto report =
      classification_report({0, 0, 0, 1, 1}, {0, 0, 3, 1, 0}, {"a", "b", "never", "guessed"});
  EXPECT_DOUBLE_EQ(report.macro_precision, (2.0 / 3 + 1) / 3);
  EXPECT_DOUBLE_EQ(report.macro_recall, (2.0 / 3 + 0.5) / 3);
  EXPECT_DOUBLE_EQ(report.macro_f1, (2.0 / 3 + 2.0 / 3) / 3);
}

TEST(ClassificationReport, RefusesNoRowsAndUnevenOnes) {
  expect_error([] { classification_report({}, {}, {"a"}); }, "there are 0 and 0");
  expect_error([] { classification_report({0, 0}, {0}, {"a"}); }, "there are 2 and 1");
}

TEST(ClassificationReport, AsJson) {
  const auto json = to_json(classification_report({0, 1, 1}, {0, 1, 0}, {"ham", "spam"}));
  EXPECT_EQ(json.at("rows"), 3);
  EXPECT_EQ(json.at("classes").at("spam").at("recall"), 0.5);
  EXPECT_EQ(json.at("classes").at("spam").at("rows"), 2);
  EXPECT_EQ(json.at("confusion").dump(), "[[1,0],[1,1]]");
  EXPECT_EQ(json.at("macro").at("recall"), 0.75);
  EXPECT_NEAR(json.at("accuracy_interval").at(0).get<double>(), 0.2077, 1e-4);
}

TEST(ClassificationReport, AsATable) {
  EXPECT_EQ(to_text(classification_report({0, 1, 1}, {0, 1, 0}, {"ham", "spam"})),
            "accuracy 0.6667 on 3 rows, 95 % interval 0.2077 to 0.9385\n"
            "\n"
            "class       precision     recall         F1     rows\n"
            "ham            0.5000     1.0000     0.6667        1\n"
            "spam           1.0000     0.5000     0.6667        2\n"
            "macro mean     0.7500     0.7500     0.6667\n"
            "\n"
            "truth \\ predicted        ham       spam\n"
            "ham                        1          0\n"
            "spam                       1          1\n");
}

TEST(ClassificationReport, ALabelDoesNotSteerTheTerminal) {
  const auto text = to_text(classification_report({0, 1}, {0, 1}, {"\x1b[2J\nham", "b"}));
  EXPECT_THAT(text, testing::HasSubstr("\\x1b[2J\\nham"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\x1b")));
}

TEST(ClassificationReport, ALongLabelLosesNoFigures) {
  const std::string label(400, 'x');
  const auto text = to_text(classification_report({0, 1}, {0, 1}, {label, "b"}));
  EXPECT_THAT(text, testing::HasSubstr(label + "       1.0000     1.0000     1.0000        1\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 10);
}

}  // namespace
}  // namespace gptkit
