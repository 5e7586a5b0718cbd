#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/html_escape.h"
#include "base/strings.h"

namespace gptkit {

namespace {

constexpr size_t kMostDots = 60;

/// The layout of the drawing in pixels.
struct Layout {
  double width, height, left, right, top, bottom;  // of the drawing; margins around the frame
  int x_ticks, y_ticks;                            // approximate numbers

  double frame_width() const { return width - left - right; }
  double frame_height() const { return height - top - bottom; }
  double right_edge() const { return width - right; }
  double bottom_edge() const { return height - bottom; }
};

constexpr Layout kInPage{440, 320, 58, 14, 12, 46, 5, 5};
constexpr Layout kPicture{760, 440, 70, 20, 66, 52, 7, 6};

/// The colours of a picture.
constexpr std::pair<std::string_view, std::string_view> kPictureColours[] = {
    {"--soft", "#5b6570"}, {"--rule", "#e4e7ea"}, {"--s0", "#9bb8d3"},
    {"--s1", "#1f6fb2"},   {"--s2", "#c8374c"},   {"--s3", "#1f8a5f"},
    {"--s4", "#b7791f"},   {"--s5", "#7a4fb5"},   {"--s6", "#00838f"}};

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

std::string pixels(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

/// 12.3k, 4.5M.
std::string short_number(double value) {
  char text[32];
  for (const auto& [unit, suffix] : {std::pair{1e9, "B"}, {1e6, "M"}, {1e3, "k"}}) {
    if (value < unit) continue;
    std::snprintf(text, sizeof text, "%.4g%s", value / unit, suffix);
    return text;
  }
  return number(value);
}

std::string tick_text(double value, bool as_percent) {
  if (as_percent) return number(std::round(value * 1e8) / 1e6) + " %";
  if (std::abs(value) >= 10000 && std::abs(value) < 1e15) return format_count(std::llround(value));
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
  // In a range below floating-point precision, adding a tick step would not change the value.
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

std::string line_class(const ChartSeries& series) {
  const bool thin = series.style == ChartSeries::Style::kThinLine;
  return concat("line ", thin ? "thin " : "", "s", series.colour);
}

/// The rules with colours filled in, because programs other than browsers do not support CSS
/// variables.
std::string picture_style() {
  std::string style = kChartStyle;
  for (const auto& [name, colour] : kPictureColours) {
    const auto variable = concat("var(", name, ")");
    for (size_t at = 0; (at = style.find(variable, at)) != style.npos;) {
      style.replace(at, variable.size(), colour);
    }
  }
  return style + ".title{font-size:16px;font-weight:bold;fill:#1c2126}.line.key{stroke-width:3}\n";
}

class Drawing {
 public:
  Drawing(const Chart& chart, const Layout& layout)
      : chart_(chart),
        at_(layout),
        x_(scale_of(chart.x, values(&ChartPoint::x), at_.x_ticks, at_.left, at_.right_edge())),
        y_(scale_of(chart.y, values(&ChartPoint::y), at_.y_ticks, at_.bottom_edge(), at_.top)) {}

  std::string in_page() {
    put("<svg viewBox=\"0 0 ", at_.width, " ", at_.height, "\" role=\"img\" aria-label=\"",
        html_escape(chart_.title), "\">\n");
    draw();
    put("</svg>\n");
    return std::move(svg_);
  }

  std::string picture() {
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", at_.width, " ", at_.height,
        "\" width=\"", at_.width, "\" height=\"", at_.height, "\">\n<style>", picture_style(),
        "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    put("<text class=\"title\" x=\"", at_.left, "\" y=\"23\">", html_escape(chart_.title),
        "</text>\n");
    draw_legend();
    if (chart_.upper) draw_upper_axis();
    draw();
    put("</svg>\n");
    return std::move(svg_);
  }

 private:
  void draw() {
    draw_axes();
    // An inner svg clips at the frame without needing an id, which would have to be unique in a
    // page.
    const auto w = at_.frame_width(), h = at_.frame_height();
    put("<svg x=\"", at_.left, "\" y=\"", at_.top, "\" width=\"", w, "\" height=\"", h,
        "\" viewBox=\"", at_.left, " ", at_.top, " ", w, " ", h, "\" overflow=\"hidden\">\n");
    for (const auto& bar : chart_.bars) draw_bar(bar);
    if (chart_.diagonal) {
      line("chance", x_(0), y_(0), x_(1), y_(1));
    }
    for (const bool thin : {true, false}) {
      for (const auto& series : chart_.series) {
        if ((series.style == ChartSeries::Style::kThinLine) == thin) draw_series(series);
      }
    }
    put("</svg>\n", dots_);  // dots and rings on the edge are not clipped
    for (const auto& mark : chart_.marks) draw_mark(mark);
  }

  template <class... Parts>
  void put(const Parts&... parts) {
    svg_ += concat(parts...);
  }
  void line(const char* css, double x1, double y1, double x2, double y2) {
    put("<line class=\"", css, "\" x1=\"", pixels(x1), "\" y1=\"", pixels(y1), "\" x2=\"",
        pixels(x2), "\" y2=\"", pixels(y2), "\"/>\n");
  }
  void text(double x, double y, const char* anchor, const std::string& content) {
    put("<text x=\"", pixels(x), "\" y=\"", pixels(y), "\" text-anchor=\"", anchor, "\">",
        html_escape(content), "</text>\n");
  }

  std::vector<double> values(double ChartPoint::*coordinate) const {
    std::vector<double> all;
    for (const auto& series : chart_.series) {
      for (const auto& point : series.points) all.push_back(point.*coordinate);
    }
    return all;
  }

  void draw_legend() {
    double x = at_.right_edge() - 10;
    for (auto series = chart_.series.rbegin(); series != chart_.series.rend(); ++series) {
      const auto name = series->name + (series->detail.empty() ? "" : " " + series->detail);
      x -= 7.0 * static_cast<double>(name.size()) + 30;
      line(("key " + line_class(*series)).c_str(), x, 19, x + 18, 19);
      text(x + 23, 23, "start", name);
    }
  }

  void draw_upper_axis() {
    for (const double tick : ticks_of(x_)) {
      text(x_(tick), at_.top - 8, "middle", short_number(tick * chart_.upper->per_x));
    }
    text(at_.right_edge(), at_.top - 24, "end", chart_.upper->label);
  }

  void draw_axes() {
    for (const double tick : ticks_of(y_)) {
      line("grid", at_.left, y_(tick), at_.right_edge(), y_(tick));
      text(at_.left - 7, y_(tick) + 4, "end", tick_text(tick, chart_.y.as_percent));
    }
    for (const double tick : ticks_of(x_)) {
      line("axis", x_(tick), at_.bottom_edge(), x_(tick), at_.bottom_edge() + 5);
      // A number at the right end would stick out of the picture.
      const bool at_end = x_(tick) > at_.right_edge() - 16;
      text(at_end ? at_.width - 2 : x_(tick), at_.bottom_edge() + 18, at_end ? "end" : "middle",
           tick_text(tick, chart_.x.as_percent));
    }
    put("<rect class=\"axis\" x=\"", at_.left, "\" y=\"", at_.top, "\" width=\"", at_.frame_width(),
        "\" height=\"", at_.frame_height(), "\" fill=\"none\"/>\n");
    text(at_.left + at_.frame_width() / 2, at_.height - 6, "middle", chart_.x.label);
    put("<text transform=\"translate(13,", pixels(at_.top + at_.frame_height() / 2),
        ") rotate(-90)\" text-anchor=\"middle\">", html_escape(chart_.y.label), "</text>\n");
  }

  void draw_bar(const ChartBar& bar) {
    const double height = bar.height * at_.frame_height();
    put("<rect class=\"bar\" x=\"", pixels(x_(bar.x_begin) + 1), "\" y=\"",
        pixels(at_.bottom_edge() - height), "\" width=\"",
        pixels(std::max(1.0, x_(bar.x_end) - x_(bar.x_begin) - 2)), "\" height=\"", pixels(height),
        "\"/>\n");
  }

  void draw_series(const ChartSeries& series) {
    const auto colour = concat("s", series.colour);
    if (series.style == ChartSeries::Style::kDots) return draw_dots(series, colour);
    std::vector<ChartPoint> drawn;
    for (const auto& point : series.points) {
      if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
      if (series.style == ChartSeries::Style::kSteps && !drawn.empty()) {
        drawn.push_back({drawn.back().x, point.y});
      }
      drawn.push_back(point);
    }
    put("<polyline class=\"", line_class(series), "\" points=\"");
    for (const auto& point : drawn) put(pixels(x_(point.x)), ",", pixels(y_(point.y)), " ");
    put("\"/>\n");
    if (series.style != ChartSeries::Style::kDottedLine || series.points.size() > kMostDots) return;
    for (const auto& point : drawn) dot(colour, point, 2.4);
  }

  void draw_dots(const ChartSeries& series, const std::string& colour) {
    for (size_t i = 0; i < series.points.size(); ++i) {
      const auto& point = series.points[i];
      if (i < series.whiskers.size()) {
        const auto& [low, high] = series.whiskers[i];
        line(("whisker " + colour).c_str(), x_(point.x), y_(low), x_(point.x), y_(high));
      }
      dot(colour, point, 4);
    }
  }

  void dot(const std::string& colour, const ChartPoint& point, double radius) {
    if (!x_.holds(point.x) || !y_.holds(point.y)) return;
    dots_ += concat("<circle class=\"dot ", colour, "\" cx=\"", pixels(x_(point.x)), "\" cy=\"",
                    pixels(y_(point.y)), "\" r=\"", radius, "\"/>\n");
  }

  void draw_mark(const ChartMark& mark) {
    if (!x_.holds(mark.at.x) || !y_.holds(mark.at.y)) return;
    put("<circle class=\"mark s", mark.colour, "\" cx=\"", pixels(x_(mark.at.x)), "\" cy=\"",
        pixels(y_(mark.at.y)), "\" r=\"6\"/>\n");
  }

  const Chart& chart_;
  const Layout at_;
  Scale x_, y_;
  std::string svg_, dots_;
};

std::string in_swatch(const std::string& mark) {
  return concat("<svg viewBox=\"0 0 22 12\" width=\"22\" height=\"12\" aria-hidden=\"true\">", mark,
                "</svg>");
}

std::string swatch_of(const ChartSeries& series) {
  if (series.style == ChartSeries::Style::kDots) {
    return concat("<circle class=\"dot s", series.colour, "\" cx=\"11\" cy=\"6\" r=\"4\"/>");
  }
  return concat("<polyline class=\"", line_class(series), "\" points=\"0,6 22,6\"/>");
}

}  // namespace

const char* const kChartStyle = R"css(
svg text{fill:var(--soft);font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
.grid{stroke:var(--rule)}.axis{stroke:var(--soft)}
.chance{stroke:var(--soft);stroke-dasharray:2 4}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.line.thin{stroke-width:1}
.line.s0{stroke-dasharray:6 3}.line.thin.s0{stroke-dasharray:none}
.whisker{stroke-width:1.5;opacity:.65}.bar{fill:var(--s0);opacity:.35}
.mark{fill:none;stroke-width:2.5}
.line.s0,.whisker.s0,.mark.s0{stroke:var(--s0)}.line.s1,.whisker.s1,.mark.s1{stroke:var(--s1)}
.line.s2,.whisker.s2,.mark.s2{stroke:var(--s2)}.line.s3,.whisker.s3,.mark.s3{stroke:var(--s3)}
.line.s4,.whisker.s4,.mark.s4{stroke:var(--s4)}.line.s5,.whisker.s5,.mark.s5{stroke:var(--s5)}
.line.s6,.whisker.s6,.mark.s6{stroke:var(--s6)}
.dot.s0{fill:var(--s0)}.dot.s1{fill:var(--s1)}.dot.s2{fill:var(--s2)}.dot.s3{fill:var(--s3)}
.dot.s4{fill:var(--s4)}.dot.s5{fill:var(--s5)}.dot.s6{fill:var(--s6)}
)css";

std::string to_svg(const Chart& chart) { return Drawing(chart, kInPage).in_page(); }

std::string to_picture(const Chart& chart) { return Drawing(chart, kPicture).picture(); }

std::vector<ChartLegendEntry> legend_of(const Chart& chart) {
  std::vector<ChartLegendEntry> legend;
  for (const auto& series : chart.series) {
    legend.push_back({in_swatch(swatch_of(series)), series.name, series.detail});
  }
  for (const auto& mark : chart.marks) {
    legend.push_back({in_swatch(concat("<circle class=\"mark s", mark.colour,
                                       "\" cx=\"11\" cy=\"6\" r=\"5\"/>")),
                      mark.name, ""});
  }
  return legend;
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
