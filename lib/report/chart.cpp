#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/error.h"
#include "report/format.h"

namespace gptkit {

namespace {

constexpr double kWidth = 440, kHeight = 320, kLeft = 58, kRight = 14, kTop = 12, kBottom = 46;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr size_t kMostDots = 60;

/// 1, 2 or 5 times a power of ten, about `count` of them in the range.
double tick_step(double range, int count) {
  const double raw = range / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string tick_text(double value, bool as_percent) {
  if (as_percent) return number(std::round(value * 1e8) / 1e6) + " %";
  if (std::abs(value) >= 10000 && std::abs(value) < 1e15) return count_text(std::llround(value));
  return number(value);
}

/// A range of values and the pixels it is drawn on.
struct Scale {
  double low, high, step, pixel_low, pixel_high;
  double operator()(double value) const {
    return pixel_low + (value - low) / (high - low) * (pixel_high - pixel_low);
  }
  bool holds(double value) const { return value >= low && value <= high; }
};

Scale scale_of(const ChartAxis& axis, std::vector<double> values, int ticks, double pixel_low,
               double pixel_high) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  double low = 0, high = 1;
  if (!values.empty()) {
    const auto [least, most] = std::ranges::minmax(values);
    low = least, high = most;
  }
  low = axis.low.value_or(low);
  high = axis.high.value_or(high);
  // A range below the numbers' own precision would make ticks that do not move them.
  const double least_range = 1e-6 * std::max({1.0, std::abs(low), std::abs(high)});
  if (high - low < least_range) high = low + least_range;
  const double step = tick_step(high - low, ticks);
  if (!axis.low) low = std::floor(low / step + 1e-9) * step;
  if (!axis.high) high = std::max(low + step, std::ceil(high / step - 1e-9) * step);
  return {low, high, step, pixel_low, pixel_high};
}

std::vector<double> ticks_of(const Scale& scale) {
  std::vector<double> ticks;
  const double first = std::ceil(scale.low / scale.step - 1e-9);
  for (double k = first; k * scale.step <= scale.high + scale.step * 1e-6; ++k) {
    ticks.push_back(k == 0 ? 0 : k * scale.step);
  }
  return ticks;
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart),
        x_(scale_of(chart.x, values(&ChartPoint::x), 5, kLeft, kWidth - kRight)),
        y_(scale_of(chart.y, values(&ChartPoint::y), 5, kHeight - kBottom, kTop)) {}

  std::string draw() {
    put("<svg viewBox=\"0 0 ", kWidth, " ", kHeight, "\" role=\"img\" aria-label=\"",
        html_escape(chart_.title), "\">\n");
    draw_axes();
    // An inner svg clips at the frame without needing an id, which would have to be unique in a
    // page.
    put("<svg x=\"", kLeft, "\" y=\"", kTop, "\" width=\"", kPlotWidth, "\" height=\"", kPlotHeight,
        "\" viewBox=\"", kLeft, " ", kTop, " ", kPlotWidth, " ", kPlotHeight,
        "\" overflow=\"hidden\">\n");
    for (const auto& bar : chart_.bars) draw_bar(bar);
    if (chart_.diagonal) {
      line("chance", x_(0), y_(0), x_(1), y_(1));
    }
    for (const bool thin : {true, false}) {
      for (const auto& series : chart_.series) {
        if ((series.style == ChartSeries::Style::kThinLine) == thin) draw_series(series);
      }
    }
    put("</svg>\n", dots_);  // a dot or a ring on the edge stays whole
    for (const auto& mark : chart_.marks) draw_mark(mark);
    put("</svg>\n");
    return std::move(svg_);
  }

 private:
  template <class... Parts>
  void put(const Parts&... parts) {
    svg_ += concat(parts...);
  }
  void line(const char* css, double x1, double y1, double x2, double y2) {
    put("<line class=\"", css, "\" x1=\"", fixed(x1, 1), "\" y1=\"", fixed(y1, 1), "\" x2=\"",
        fixed(x2, 1), "\" y2=\"", fixed(y2, 1), "\"/>\n");
  }
  void text(double x, double y, const char* anchor, const std::string& content) {
    put("<text x=\"", fixed(x, 1), "\" y=\"", fixed(y, 1), "\" text-anchor=\"", anchor, "\">",
        html_escape(content), "</text>\n");
  }

  std::vector<double> values(double ChartPoint::*coordinate) const {
    std::vector<double> all;
    for (const auto& series : chart_.series) {
      for (const auto& point : series.points) all.push_back(point.*coordinate);
    }
    return all;
  }

  void draw_axes() {
    for (const double tick : ticks_of(y_)) {
      line("grid", kLeft, y_(tick), kWidth - kRight, y_(tick));
      text(kLeft - 7, y_(tick) + 4, "end", tick_text(tick, chart_.y.as_percent));
    }
    for (const double tick : ticks_of(x_)) {
      line("axis", x_(tick), kHeight - kBottom, x_(tick), kHeight - kBottom + 5);
      // A number at the right end would stick out of the picture.
      const bool at_end = x_(tick) > kWidth - kRight - 16;
      text(at_end ? kWidth - 2 : x_(tick), kHeight - kBottom + 18, at_end ? "end" : "middle",
           tick_text(tick, chart_.x.as_percent));
    }
    put("<rect class=\"axis\" x=\"", kLeft, "\" y=\"", kTop, "\" width=\"", kPlotWidth,
        "\" height=\"", kPlotHeight, "\" fill=\"none\"/>\n");
    text(kLeft + kPlotWidth / 2, kHeight - 6, "middle", chart_.x.label);
    put("<text transform=\"translate(13,", fixed(kTop + kPlotHeight / 2, 1),
        ") rotate(-90)\" text-anchor=\"middle\">", html_escape(chart_.y.label), "</text>\n");
  }

  void draw_bar(const ChartBar& bar) {
    const double height = bar.height * kPlotHeight;
    put("<rect class=\"bar\" x=\"", fixed(x_(bar.x_begin) + 1, 1), "\" y=\"",
        fixed(kHeight - kBottom - height, 1), "\" width=\"",
        fixed(std::max(1.0, x_(bar.x_end) - x_(bar.x_begin) - 2), 1), "\" height=\"",
        fixed(height, 1), "\"/>\n");
  }

  void draw_series(const ChartSeries& series) {
    const auto colour = concat("s", series.colour);
    if (series.style == ChartSeries::Style::kDots) return draw_dots(series, colour);
    const bool thin = series.style == ChartSeries::Style::kThinLine;
    std::vector<ChartPoint> drawn;
    for (const auto& point : series.points) {
      if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
      if (series.style == ChartSeries::Style::kSteps && !drawn.empty()) {
        drawn.push_back({drawn.back().x, point.y});
      }
      drawn.push_back(point);
    }
    put("<polyline class=\"line", thin ? " thin " : " ", colour, "\" points=\"");
    for (const auto& point : drawn) put(fixed(x_(point.x), 1), ",", fixed(y_(point.y), 1), " ");
    put("\"/>\n");
    if (series.style != ChartSeries::Style::kDottedLine || series.points.size() > kMostDots) return;
    for (const auto& point : drawn) dot(colour, point, 2.4);
  }

  void draw_dots(const ChartSeries& series, const std::string& colour) {
    for (size_t i = 0; i < series.points.size(); ++i) {
      const auto& point = series.points[i];
      if (i < series.intervals.size()) {
        const auto& interval = series.intervals[i];
        line(("whisker " + colour).c_str(), x_(point.x), y_(interval.low), x_(point.x),
             y_(interval.high));
      }
      dot(colour, point, 4);
    }
  }

  void dot(const std::string& colour, const ChartPoint& point, double radius) {
    if (!x_.holds(point.x) || !y_.holds(point.y)) return;
    dots_ += concat("<circle class=\"dot ", colour, "\" cx=\"", fixed(x_(point.x), 1), "\" cy=\"",
                    fixed(y_(point.y), 1), "\" r=\"", radius, "\"/>\n");
  }

  void draw_mark(const ChartMark& mark) {
    if (!x_.holds(mark.at.x) || !y_.holds(mark.at.y)) return;
    put("<circle class=\"mark s", mark.colour, "\" cx=\"", fixed(x_(mark.at.x), 1), "\" cy=\"",
        fixed(y_(mark.at.y), 1), "\" r=\"6\"/>\n");
  }

  const Chart& chart_;
  Scale x_, y_;
  std::string svg_, dots_;
};

/// The name is apart from the rest: one written from right to left would turn the figure round.
std::string legend_item(const std::string& swatch, const std::string& name,
                        const std::string& detail) {
  return concat(
      "<span class=\"key\"><svg viewBox=\"0 0 22 12\" width=\"22\" height=\"12\" "
      "aria-hidden=\"true\">",
      swatch, "</svg><span><bdi>", html_escape(name), "</bdi>", detail.empty() ? "" : ": ",
      html_escape(detail), "</span></span>\n");
}

std::string swatch_of(const ChartSeries& series) {
  if (series.style == ChartSeries::Style::kDots) {
    return concat("<circle class=\"dot s", series.colour, "\" cx=\"11\" cy=\"6\" r=\"4\"/>");
  }
  const bool thin = series.style == ChartSeries::Style::kThinLine;
  return concat("<polyline class=\"line ", thin ? "thin " : "", "s", series.colour,
                "\" points=\"0,6 22,6\"/>");
}

}  // namespace

std::string to_svg(const Chart& chart) { return Drawing(chart).draw(); }

std::string to_figure(const Chart& chart) {
  std::string html = concat("<figure>\n<figcaption>", html_escape(chart.title), "</figcaption>\n",
                            to_svg(chart), "<div class=\"legend\">");
  for (const auto& series : chart.series)
    html += legend_item(swatch_of(series), series.name, series.detail);
  for (const auto& mark : chart.marks) {
    html += legend_item(
        concat("<circle class=\"mark s", mark.colour, "\" cx=\"11\" cy=\"6\" r=\"5\"/>"), mark.name,
        "");
  }
  return html + "</div>\n</figure>\n";
}

std::vector<ChartPoint> thin_points(const std::vector<ChartPoint>& points, size_t most) {
  if (points.size() <= most) return points;
  std::vector<ChartPoint> thinned;
  const size_t group = (points.size() + most - 1) / most;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const size_t end = std::min(points.size(), begin + group);
    ChartPoint mean;
    for (size_t i = begin; i < end; ++i) mean.x += points[i].x, mean.y += points[i].y;
    const auto n = static_cast<double>(end - begin);
    thinned.push_back({mean.x / n, mean.y / n});
  }
  return thinned;
}

}  // namespace gptkit
