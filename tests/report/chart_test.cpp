#include "report/chart.h"

#include <cmath>
#include <regex>

#include "support/support.h"

namespace gptkit {
namespace {

using testing::HasSubstr;
using testing::Not;

Chart line_through(std::vector<ChartPoint> points) {
  Chart chart;
  chart.title = "loss";
  chart.series.push_back({"a", 1, ChartSeries::Style::kLine, std::move(points)});
  return chart;
}

/// The numbers along one axis: the texts with that anchor.
std::vector<std::string> ticks(const std::string& svg, const std::string& anchor) {
  const std::regex text("text-anchor=\"" + anchor + "\">([^<]*)<");
  std::vector<std::string> found;
  for (std::sregex_iterator it(svg.begin(), svg.end(), text), end; it != end; ++it) {
    found.push_back((*it)[1]);
  }
  return found;
}

TEST(SvgChart, AxesReachOverThePointsInRoundSteps) {
  const auto svg = to_svg(line_through({{0, 0.13}, {100, 0.87}}));
  EXPECT_THAT(ticks(svg, "end"), testing::IsSupersetOf({"0", "0.2", "0.4", "0.6", "0.8", "1"}));
  EXPECT_THAT(ticks(svg, "middle"), testing::IsSupersetOf({"0", "20", "40", "60", "80"}));
}

TEST(SvgChart, DrawsPointsWhereTheyBelong) {
  auto chart = line_through({{0, 0}, {1, 1}});
  chart.x.high = 1, chart.y.high = 1;
  EXPECT_THAT(to_svg(chart), HasSubstr("points=\"58.0,274.0 426.0,12.0 \""));
  chart.series[0].style = ChartSeries::Style::kSteps;
  EXPECT_THAT(to_svg(chart), HasSubstr("points=\"58.0,274.0 58.0,12.0 426.0,12.0 \""));
}

TEST(SvgChart, SurvivesWhatCannotBeDrawn) {
  for (const auto& points : std::vector<std::vector<ChartPoint>>{{},
                                                                 {{0, 0}},
                                                                 {{5, 3}, {5, 3}},
                                                                 {{0, std::nan("")}, {1, INFINITY}},
                                                                 {{0, 1e300}, {1e300, -1e300}},
                                                                 {{0, 1}, {1, 1 + 1e-15}}}) {
    const auto svg = to_svg(line_through(points));
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
    EXPECT_LT(svg.size(), 20000u);
  }
}

TEST(SvgChart, APictureBringsItsOwnColoursAndNames) {
  auto chart = line_through({{0, 0}, {100, 1}});
  chart.upper = {.label = "tokens", .per_x = 512};
  const auto svg = to_picture(chart);
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(svg, Not(HasSubstr("var(")));
  EXPECT_THAT(svg, HasSubstr(">loss</text>"));
  EXPECT_THAT(svg, HasSubstr(">a</text>"));
  EXPECT_THAT(ticks(svg, "middle"), testing::IsSupersetOf({"20", "10.24k", "51.2k"}));
}

TEST(SvgChart, TitleAndLabelsAreEscaped) {
  auto chart = line_through({{0, 0}, {1, 1}});
  chart.title = "<b>\"t\"";
  chart.x.label = chart.y.label = "</text><script>";
  for (const auto& svg : {to_svg(chart), to_picture(chart)}) {
    EXPECT_THAT(svg, Not(HasSubstr("<b>")));
    EXPECT_THAT(svg, Not(HasSubstr("<script>")));
    EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
  }
}

TEST(SvgChart, ManyPointsAreAveraged) {
  std::vector<ChartPoint> points;
  for (int i = 0; i < 1000; ++i) points.push_back({static_cast<double>(i), i % 2 ? 1.0 : 0.0});
  const auto thin = thin_points(points, 100);
  EXPECT_EQ(thin.size(), 100u);
  EXPECT_DOUBLE_EQ(thin[0].x, 4.5);
  EXPECT_DOUBLE_EQ(thin[0].y, 0.5);
  EXPECT_EQ(thin_points({{1, 2}}).size(), 1u);
}

}  // namespace
}  // namespace gptkit
