#pragma once
// The one chart engine: SVG (https://www.w3.org/TR/SVG11/) for a page, or a picture of its own. It
// sees base alone. Marks carry classes (s0, s1 ..., grid, axis); kChartStyle gives them the colours
// --s0, --s1 ... of the page, so that light, dark and print differ in CSS alone. A page has the
// names of series in its legend, not in the drawing, where long ones would overlap.

#include <optional>
#include <string>
#include <vector>

namespace gptkit {

struct ChartPoint {
  double x = 0, y = 0;
};

/// An error bar: from where to where on the y axis.
struct ChartWhisker {
  double low = 0, high = 0;
};

struct ChartSeries {
  enum class Style {
    kLine,
    kDottedLine,  ///< a dot on each point, unless there are too many
    kThinLine,    ///< pale and below the others: what is noisy
    kSteps,       ///< a point's y holds from the point before on
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
                        high = {};  ///< absent: what the points need, widened to whole ticks
  bool as_percent = false;          ///< 0.25 reads 25 %
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
  std::vector<ChartBar> bars = {};           ///< pale, behind all else
  std::vector<ChartSeries> series = {};
  std::vector<ChartMark> marks = {};  ///< rings
  bool diagonal = false;              ///< a dotted line from corner to corner: what chance gives
};

/// The drawing alone, for a page. Points that are not finite are left out; lines leave the frame at
/// its edge.
std::string to_svg(const Chart& chart);

/// What the legend of a page says about a series or a mark; the swatch is SVG.
struct ChartLegendEntry {
  std::string swatch, name, detail;
};
std::vector<ChartLegendEntry> legend_of(const Chart& chart);

/// A whole SVG file: the drawing with title, legend and colours of its own. Names must be short:
/// the legend is one line.
std::string to_picture(const Chart& chart);

/// CSS for what to_svg() draws and for swatches; the page defines --s0 to --s6, --soft and --rule.
extern const char* const kChartStyle;

/// At most `most` points: neighbours are averaged.
std::vector<ChartPoint> thin_points(const std::vector<ChartPoint>& points, size_t most = 400);

}  // namespace gptkit
