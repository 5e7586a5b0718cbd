#include "train/observers/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "report/chart.h"

namespace gptkit {

namespace {

constexpr size_t kMostPoints = 600;  // a long run has more steps than the picture has pixels

std::vector<ChartPoint> points_of(const std::vector<OrderedJson>& rows, const std::string& key) {
  std::vector<ChartPoint> points;
  for (const auto& row : rows) {
    const auto found = row.find(key);
    if (found == row.end() || !found->is_number() || !std::isfinite(found->get<double>())) continue;
    points.push_back({row.value("step", 0.0), found->get<double>()});
  }
  return points;
}

ChartSeries series_of(const std::string& key, std::vector<ChartPoint> points, int colour) {
  using Style = ChartSeries::Style;
  ChartSeries series{key, colour, key == "loss" ? Style::kThinLine : Style::kDottedLine};
  std::ranges::replace(series.name, '_', ' ');
  char last[32];
  std::snprintf(last, sizeof last, "%.4g", points.back().y);
  series.detail = last;
  series.points = thin_points(points, kMostPoints);
  return series;
}

double tokens_per_step(const std::vector<OrderedJson>& rows) {
  return rows.back().value("tokens", 0.0) / (rows.back().value("step", 0.0) + 1);
}

}  // namespace

std::string loss_plot(const std::vector<OrderedJson>& rows, const PlotOptions& options) {
  Chart chart{.title = options.title,
              .x = {.label = "step", .low = 0, .high = 1},
              .y = {.label = options.y_label}};
  int colour = 0;
  for (const auto& key : options.keys) {
    const auto points = points_of(rows, key);
    if (points.empty()) continue;
    chart.x.high = std::max(*chart.x.high, points.back().x);
    chart.series.push_back(series_of(key, points, key == "loss" ? 0 : ++colour));
  }
  if (chart.series.empty()) return "";
  if (const double tokens = tokens_per_step(rows); tokens > 0) {
    chart.upper = {.label = "tokens seen", .per_x = tokens};
  }
  return to_picture(chart);
}

}  // namespace gptkit
