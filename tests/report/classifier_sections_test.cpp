#include "report/classifier_sections.h"

#include "report/report_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

const std::string& text_in(const PageValues& values, const std::string& name) {
  return std::get<std::string>(*values.find(name));
}

TEST(ClassifierSections, ResultsHaveARowPerSplitWithItsCounts) {
  const auto report = make_classifier_report(test::made_up_input());
  PageValues page;
  set_results(page, report);
  const auto& splits = std::get<PageList>(*page.find("splits"));
  ASSERT_EQ(splits.size(), 3u);
  EXPECT_EQ(text_in(splits[0], "rows"), "2,100");
  EXPECT_EQ(text_in(splits[2], "name"), "test");
  EXPECT_EQ(text_in(splits[2], "errors"), format_count(report.split("test")->n_mistake));
}

TEST(ClassifierSections, LabelsFromOutsideAreMadeVisibleAndCut) {
  auto input = test::made_up_input();
  input.labels[1] = "a\u202Eb " + std::string(100, 'x');
  const auto report = make_classifier_report(input);
  EXPECT_THAT(label_of(report, 1), testing::StartsWith("a<U+202E>b x"));
  EXPECT_THAT(label_of(report, 1, /*most=*/12), testing::EndsWith("\u2026"));
}

}  // namespace
}  // namespace gptkit
