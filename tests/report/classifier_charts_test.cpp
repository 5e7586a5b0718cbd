#include "report/classifier_charts.h"

#include "report/report_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::made_up_input;
using testing::HasSubstr;
using testing::Not;

TEST(ClassifierCharts, TrainingIsDrawnFromTheMetrics) {
  auto input = made_up_input();
  EXPECT_EQ(training_charts(make_classifier_report(input)).markup, "");
  input.training_metrics = {{{"step", 0}, {"val_loss", 0.5}}, {{"step", 9}, {"val_loss", 0.25}}};
  const auto html = training_charts(make_classifier_report(input)).markup;
  EXPECT_THAT(html, HasSubstr("last 0.2500, lowest 0.2500 at step 9"));
  EXPECT_THAT(html, Not(HasSubstr("Accuracy")));
}

TEST(ClassifierCharts, RankingHasACurvePerSplitAndTheThreshold) {
  const auto html = ranking_charts(make_classifier_report(made_up_input())).markup;
  for (const char* part : {"<bdi>train</bdi>: AUC", "<bdi>validation</bdi>: average precision",
                           "threshold on test", "upper left corner"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
}

TEST(ClassifierCharts, ReliabilityIsDrawnWithAndWithoutTemperature) {
  const auto html = reliability_charts(make_classifier_report(made_up_input())).markup;
  EXPECT_THAT(html, HasSubstr("On test, without temperature"));
  EXPECT_THAT(html, HasSubstr("On test, with temperature"));
  EXPECT_THAT(html, HasSubstr("calibration error"));
}

}  // namespace
}  // namespace gptkit
