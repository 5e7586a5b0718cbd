#pragma once
// A small chart as inline SVG (https://www.w3.org/TR/SVG11/) for a page that brings its own
// colours: marks carry classes (s0, s1 ..., grid, axis), not colours, so that light, dark and print
// differ in CSS alone. Names of series stand in the page's legend, not in the picture, where long
// ones would overlap.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/significance.h"

namespace gptkit {

struct ChartPoint {
  double x = 0, y = 0;
};

struct ChartSeries {
  enum class Style {
    kLine,
    kDottedLine,  ///< a dot on each point, unless there are too many
    kThinLine,    ///< pale and below the others: what is noisy
    kSteps,       ///< a point's y holds from the point before on
    kDots,        ///< each with its interval
  };
  std::string name;  ///< for the legend
  int colour = 1;    ///< class s1 to s6; 0 is pale
  Style style = Style::kLine;
  std::vector<ChartPoint> points = {};
  std::string detail = {};               ///< behind the name in the legend: its figure
  std::vector<Interval> intervals = {};  ///< of y, for kDots; none or one a point
};

struct ChartBar {
  double x_begin = 0, x_end = 0, height = 0;  ///< height as a share of the chart's
};

struct ChartMark {
  ChartPoint at;
  std::string name;  ///< for the legend
  int colour = 1;
};

struct ChartAxis {
  std::string label;
  std::optional<double> low = {},
                        high = {};  ///< absent: what the points need, widened to whole ticks
  bool as_percent = false;          ///< 0.25 reads 25 %
};

struct Chart {
  std::string title;
  ChartAxis x, y;
  std::vector<ChartBar> bars = {};  ///< pale, behind all else
  std::vector<ChartSeries> series = {};
  std::vector<ChartMark> marks = {};  ///< rings
  bool diagonal = false;              ///< a dotted line from corner to corner: what chance gives
};

/// The picture alone. Points that are not finite are left out; lines leave the frame at its edge.
std::string to_svg(const Chart& chart);

/// <figure> with title, picture and a legend of the series and marks.
std::string to_figure(const Chart& chart);

/// At most `most` points: neighbours are averaged.
std::vector<ChartPoint> thin_points(const std::vector<ChartPoint>& points, size_t most = 400);

}  // namespace gptkit
