#include "report/verdict.h"

#include "report/report_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::made_up_baseline;
using test::made_up_input;
using testing::HasSubstr;
using testing::StartsWith;

std::string sentences(const ClassifierReport& report) {
  std::string all;
  for (const auto& finding : verdict_of(report)) all += finding.text + "\n";
  return all;
}

TEST(Verdict, GivesAccuracyThresholdAndCalibrationError) {
  const auto text = sentences(make_classifier_report(made_up_input()));
  EXPECT_THAT(text, HasSubstr("gpt2 classifies "));
  EXPECT_THAT(text, HasSubstr("The constant answer \"always ham\" has an accuracy of 85.7 %."));
  EXPECT_THAT(text, HasSubstr("chosen on validation for a precision of 95 %"));
  EXPECT_THAT(text, HasSubstr("Calibration error: "));
  EXPECT_THAT(text, HasSubstr("No test text is also a training text"));
}

TEST(Verdict, AMethodThatIsAsGoodComesFirst) {
  auto input = made_up_input();
  input.baselines = {made_up_baseline(input, "dice", 0.1), made_up_baseline(input, "words", 5)};
  const auto verdict = verdict_of(make_classifier_report(input));
  EXPECT_EQ(verdict.front().kind, Finding::Kind::kDoubt);
  EXPECT_THAT(verdict.front().text, StartsWith("gpt2 is not better than words."));
  EXPECT_THAT(verdict.front().text, HasSubstr("Texts that only one of them classifies correctly"));
}

TEST(Verdict, WithoutTestRowsItSaysSo) {
  auto input = made_up_input();
  input.splits.pop_back();
  EXPECT_THAT(sentences(make_classifier_report(input)), StartsWith("There is no test split."));
}

TEST(Verdict, NamesClassesWithoutRows) {
  auto input = made_up_input();
  auto& test = input.splits[2];
  for (auto& truth : test.truth) truth = 0;
  EXPECT_THAT(sentences(make_classifier_report(input)),
              HasSubstr("No test row is of class 'spam': its recall is unknown."));
}

}  // namespace
}  // namespace gptkit
