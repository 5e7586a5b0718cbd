#include "report/figure.h"

#include "support/support.h"

namespace gptkit {
namespace {

using testing::HasSubstr;
using testing::Not;

Chart chart_of(const std::string& name) {
  Chart chart;
  chart.title = "loss";
  chart.series.push_back({name, 1, ChartSeries::Style::kLine, {{0, 0}, {1, 1}}, "last 1"});
  return chart;
}

TEST(Figure, HasTitleDrawingAndLegend) {
  auto chart = chart_of("a");
  chart.marks.push_back({{0.5, 0.5}, "best"});
  const auto html = figure(chart).markup;
  EXPECT_THAT(html, HasSubstr("<figcaption>loss</figcaption>"));
  EXPECT_THAT(html, HasSubstr("<svg viewBox=\"0 0 440 320\""));
  EXPECT_THAT(html, HasSubstr("<bdi>a</bdi>: last 1"));
  EXPECT_THAT(html, HasSubstr("<bdi>best</bdi></span>"));
}

TEST(Figure, NamesAreEscaped) {
  auto chart = chart_of("<i>");
  chart.title = "<b>\"t\"";
  chart.x.label = chart.y.label = "</text><script>";
  chart.marks.push_back({{0.5, 0.5}, "a & b"});
  const auto html = figure(chart).markup;
  for (const char* bad : {"<b>", "<i>", "<script>", "a & b"})
    EXPECT_THAT(html, Not(HasSubstr(bad)));
  EXPECT_THAT(html, HasSubstr("&lt;i&gt;"));
}

TEST(Figures, LeaveOutChartsWithoutSeries) {
  EXPECT_EQ(figures({Chart()}).markup, "");
  const auto html = figures({chart_of("a"), Chart()}).markup;
  EXPECT_THAT(html, HasSubstr("loss"));
  EXPECT_EQ(html.find("<figure>"), html.rfind("<figure>"));
}

}  // namespace
}  // namespace gptkit
