#pragma once
// The one chart engine: SVG (https://www.w3.org/TR/SVG11/) for a page, or a separate picture. It
// includes only base. Marks carry classes (s0, s1 ..., grid, axis); kChartStyle gives them the
// colours --s0, --s1 ... of the page, so that light, dark and print differ only in CSS. On a page
// the names of series are in the legend, not in the drawing, where long names would overlap.

#include <optional>
#include <string>
#include <vector>

namespace gptkit {

struct ChartPoint {
  double x = 0, y = 0;
};

/// An error bar: its range on the y axis.
struct ChartWhisker {
  double low = 0, high = 0;
};

struct ChartSeries {
  enum class Style {
    kLine,
    kDottedLine,  ///< a dot on each point, unless there are too many
    kThinLine,    ///< pale and below the others, for noisy series
    kSteps,       ///< y of a point applies from the point before it
    kDots,        ///< each with its error bar
  };
  std::string name;  ///< for the legend
  int colour = 1;    ///< class s1 to s6; 0 is pale
  Style style = Style::kLine;
  std::vector<ChartPoint> points = {};
  std::string detail = {};                  ///< after the name in the legend
  std::vector<ChartWhisker> whiskers = {};  ///< for kDots; none, or one per point
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
                        high = {};  ///< absent: the range of the points, widened to whole ticks
  bool as_percent = false;          ///< 0.25 is shown as 25 %
};

/// A second scale along the upper edge: `per_x` times the value below it.
struct ChartUpperAxis {
  std::string label;
  double per_x = 1;
};

struct Chart {
  std::string title;
  ChartAxis x, y;
  std::optional<ChartUpperAxis> upper = {};  ///< of a picture
  std::vector<ChartBar> bars = {};           ///< pale, behind everything else
  std::vector<ChartSeries> series = {};
  std::vector<ChartMark> marks = {};  ///< rings
  bool diagonal = false;  ///< a dotted line from corner to corner, for random predictions
};

/// The drawing without a legend, for a page. Points that are not finite are left out; lines are
/// clipped at the frame.
std::string to_svg(const Chart& chart);

/// An entry of the legend of a page for a series or a mark; the swatch is SVG.
struct ChartLegendEntry {
  std::string swatch, name, detail;
};
std::vector<ChartLegendEntry> legend_of(const Chart& chart);

/// A complete SVG file: the drawing with its own title, legend and colours. Names must be short:
/// the legend is one line.
std::string to_picture(const Chart& chart);

/// CSS for to_svg() and for swatches; the page defines --s0 to --s6, --soft and --rule.
extern const char* const kChartStyle;

/// At most `most` points: neighbours are averaged.
std::vector<ChartPoint> thin_points(const std::vector<ChartPoint>& points, size_t most = 400);

}  // namespace gptkit
