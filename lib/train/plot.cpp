#include "train/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>

#include "base/files.h"

namespace gptkit {

namespace {

constexpr double kWidth = 760, kHeight = 440, kLeft = 70, kRight = 20, kTop = 66, kBottom = 52;
constexpr const char* kColours[] = {"#9bb8d3", "#1f6fb2", "#d1495b", "#2a9d6f"};

struct Point {
  double x, y;
};
struct Curve {
  std::string key;
  std::vector<Point> points;
};

/// 1, 2 or 5 times a power of ten, about `count` of them in the range.
double tick_step(double range, int count) {
  const double raw = range / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// 12.3k, 4.5M: token counts on the upper axis.
std::string short_count(double value) {
  for (const auto& [unit, suffix] :
       {std::pair{1e9, "B"}, std::pair{1e6, "M"}, std::pair{1e3, "k"}}) {
    if (value >= unit) return number(value / unit).append(suffix);
  }
  return number(value);
}

/// A long run has more steps than the picture has pixels: neighbours are averaged.
std::vector<Point> thin(const std::vector<Point>& points, size_t most = 600) {
  if (points.size() <= most) return points;
  std::vector<Point> thinned;
  const size_t group = (points.size() + most - 1) / most;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const size_t end = std::min(points.size(), begin + group);
    Point mean{0, 0};
    for (size_t i = begin; i < end; ++i) mean.x += points[i].x, mean.y += points[i].y;
    const auto n = static_cast<double>(end - begin);
    thinned.push_back({mean.x / n, mean.y / n});
  }
  return thinned;
}

class Axes {
 public:
  Axes(double x_max, double y_min, double y_max) : x_max_(std::max(1.0, x_max)) {
    // A range below the numbers' own precision would make steps that do not move them.
    const double least = std::max(1e-6, 1e-6 * std::max(std::abs(y_min), std::abs(y_max)));
    const double step = tick_step(std::max(least, y_max - y_min), 6);
    y_step_ = step;
    y_min_ = std::floor(y_min / step) * step;
    y_max_ = std::max(y_min_ + step, std::ceil(y_max / step) * step);
  }
  double x(double value) const { return kLeft + value / x_max_ * (kWidth - kLeft - kRight); }
  double y(double value) const {
    return kTop + (y_max_ - value) / (y_max_ - y_min_) * (kHeight - kTop - kBottom);
  }

  void draw(std::ostream& svg, const PlotOptions& options, double tokens_per_step) const {
    const auto text = [&](double at_x, double at_y, const char* anchor,
                          const std::string& content) {
      svg << "<text x=\"" << at_x << "\" y=\"" << at_y << "\" text-anchor=\"" << anchor << "\">"
          << content << "</text>\n";
    };
    for (double value = y_min_; value <= y_max_ + y_step_ / 2; value += y_step_) {
      svg << "<line x1=\"" << kLeft << "\" x2=\"" << kWidth - kRight << "\" y1=\"" << y(value)
          << "\" y2=\"" << y(value) << "\" stroke=\"#e4e4e4\"/>\n";
      text(kLeft - 8, y(value) + 4, "end", number(std::abs(value) < y_step_ / 1e6 ? 0 : value));
    }
    const double step = tick_step(x_max_, 7);
    for (double value = 0; value <= x_max_ * 1.0001; value += step) {
      svg << "<line y1=\"" << kHeight - kBottom << "\" y2=\"" << kHeight - kBottom + 5 << "\" x1=\""
          << x(value) << "\" x2=\"" << x(value) << "\" stroke=\"#444\"/>\n";
      text(x(value), kHeight - kBottom + 19, "middle", number(value));
      if (tokens_per_step > 0)
        text(x(value), kTop - 8, "middle", short_count(value * tokens_per_step));
    }
    svg << "<rect x=\"" << kLeft << "\" y=\"" << kTop << "\" width=\"" << kWidth - kLeft - kRight
        << "\" height=\"" << kHeight - kTop - kBottom << "\" fill=\"none\" stroke=\"#444\"/>\n";
    text((kLeft + kWidth - kRight) / 2, kHeight - 12, "middle", "step");
    if (tokens_per_step > 0) text(kWidth - kRight, kTop - 24, "end", "tokens seen");
    svg << "<text transform=\"translate(18," << (kTop + kHeight - kBottom) / 2
        << ") rotate(-90)\" text-anchor=\"middle\">" << options.y_label << "</text>\n";
    svg << "<text x=\"" << kLeft << "\" y=\"22\" font-size=\"16\" font-weight=\"bold\">"
        << options.title << "</text>\n";
  }

 private:
  double x_max_, y_min_, y_max_, y_step_;
};

std::vector<Curve> curves_of(const std::vector<OrderedJson>& rows, const PlotOptions& options) {
  std::vector<Curve> curves;
  for (const auto& key : options.keys) {
    Curve curve{key, {}};
    for (const auto& row : rows) {
      const auto found = row.find(key);
      if (found == row.end() || !found->is_number() || !std::isfinite(found->get<double>()))
        continue;
      curve.points.push_back({row.value("step", 0.0), found->get<double>()});
    }
    if (curve.points.empty()) continue;
    curve.points = thin(curve.points);
    curves.push_back(std::move(curve));
  }
  return curves;
}

void draw_curve(std::ostream& svg, const Axes& axes, const Curve& curve, const char* colour) {
  const bool pale = curve.key == "loss";
  svg << "<polyline fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"" << (pale ? 1 : 2)
      << "\" points=\"";
  for (const auto& point : curve.points) svg << axes.x(point.x) << ',' << axes.y(point.y) << ' ';
  svg << "\"/>\n";
  if (pale || curve.points.size() > 60) return;
  for (const auto& point : curve.points) {
    svg << "<circle cx=\"" << axes.x(point.x) << "\" cy=\"" << axes.y(point.y)
        << "\" r=\"2.6\" fill=\"" << colour << "\"/>\n";
  }
}

}  // namespace

void write_plot(const std::filesystem::path& path, const std::vector<OrderedJson>& rows,
                const PlotOptions& options) {
  const auto curves = curves_of(rows, options);
  if (curves.empty()) return;
  double x_max = 1, y_min = std::numeric_limits<double>::max(), y_max = -y_min;
  for (const auto& curve : curves) {
    for (const auto& point : curve.points) {
      x_max = std::max(x_max, point.x);
      y_min = std::min(y_min, point.y);
      y_max = std::max(y_max, point.y);
    }
  }
  const auto& last = rows.back();
  const double tokens_per_step = last.value("tokens", 0.0) / (last.value("step", 0.0) + 1);

  std::ostringstream svg;
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kWidth << ' ' << kHeight
      << "\" width=\"" << kWidth << "\" height=\"" << kHeight
      << "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  const Axes axes(x_max, y_min, y_max);
  axes.draw(svg, options, tokens_per_step);
  double legend_x = kWidth - kRight - 10;
  for (size_t i = curves.size(); i-- > 0;) {
    const char* colour = kColours[i % std::size(kColours)];
    draw_curve(svg, axes, curves[i], colour);
    std::string label = curves[i].key;
    std::replace(label.begin(), label.end(), '_', ' ');
    label.append(1, ' ').append(number(curves[i].points.back().y));
    legend_x -= 7.0 * static_cast<double>(label.size()) + 30;
    svg << "<line x1=\"" << legend_x << "\" x2=\"" << legend_x + 18
        << "\" y1=\"18\" y2=\"18\" stroke-width=\"3\" stroke=\"" << colour << "\"/>\n"
        << "<text x=\"" << legend_x + 23 << "\" y=\"22\">" << label << "</text>\n";
  }
  svg << "</svg>\n";
  write_file_atomic(path, svg.str());
}

}  // namespace gptkit
