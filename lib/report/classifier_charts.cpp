#include "report/classifier_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/strings.h"
#include "report/figure.h"
#include "report/format.h"

namespace gptkit {

namespace {

constexpr size_t kMostClassCurves = 6;
constexpr size_t kNameCharacters = 40;
using Style = ChartSeries::Style;

/// A split looks the same in all charts.
int colour_of(const std::string& split) {
  return split == "train" ? 0 : split == "validation" ? 1 : 2;
}

std::vector<ChartPoint> metric_points(const ClassifierReport& report, const std::string& key) {
  std::vector<ChartPoint> points;
  for (const auto& row : report.training_metrics) {
    const auto number = [&](const std::string& name) {
      const auto found = row.find(name);
      return found != row.end() && found->is_number() ? found->get<double>() : std::nan("");
    };
    const ChartPoint point{number("step"), number(key)};
    if (std::isfinite(point.x) && std::isfinite(point.y)) points.push_back(point);
  }
  return points;
}

struct MetricCurve {
  std::string key, name;
  int colour;
  Style style;
};

std::string best_of(const std::vector<ChartPoint>& points, bool least) {
  const auto best = least ? std::ranges::min_element(points, {}, &ChartPoint::y)
                          : std::ranges::max_element(points, {}, &ChartPoint::y);
  return concat(least ? ", lowest " : ", highest ", fixed(best->y, 4), " at step ",
                format_count(std::llround(std::clamp(best->x, -1e15, 1e15))));
}

Chart metric_chart(const ClassifierReport& report, const std::string& title, const ChartAxis& y,
                   const std::vector<MetricCurve>& curves) {
  Chart chart{.title = title, .x = {.label = "step", .low = 0}, .y = y};
  for (const auto& curve : curves) {
    const auto points = metric_points(report, curve.key);
    if (points.empty()) continue;
    auto detail = "last " + fixed(points.back().y, 4);
    if (curve.key.starts_with("val_")) detail += best_of(points, curve.key == "val_loss");
    chart.series.push_back({curve.name, curve.colour, curve.style, thin_points(points), detail});
  }
  return chart;
}

std::vector<ChartPoint> points_of(const std::vector<CurvePoint>& curve) {
  std::vector<ChartPoint> points;
  for (const auto& point : curve) points.push_back({point.x, point.y});
  return points;
}

/// A pair of charts of the same curves: complete, and near the corner.
struct RankingCharts {
  Chart roc{.title = "ROC",
            .x = {"false positive rate", 0, 1, true},
            .y = {"true positive rate (recall)", 0, 1, true},
            .diagonal = true};
  Chart precision_recall{
      .title = "Precision and recall", .x = {"recall", 0, 1, true}, .y = {"precision", 0, 1, true}};

  void add(const OneVersusRest& one, const std::string& name, int colour) {
    roc.series.push_back(
        {name, colour, Style::kLine, points_of(one.roc), "AUC " + decimal(one.roc_auc)});
    auto points = points_of(one.precision_recall);
    // A row's precision holds from recall 0 to its own.
    if (!points.empty()) points.insert(points.begin(), ChartPoint{0, points.front().y});
    precision_recall.series.push_back({name, colour, Style::kSteps, points,
                                       "average precision " + decimal(one.average_precision)});
  }

  void mark(const BinaryCounts& counts, const std::string& name, int colour) {
    const auto recall = counts.recall();
    if (recall && counts.false_positive_rate()) {
      roc.marks.push_back({{*counts.false_positive_rate(), *recall}, name, colour});
    }
    if (recall && counts.precision()) {
      precision_recall.marks.push_back({{*recall, *counts.precision()}, name, colour});
    }
  }

  std::vector<Chart> both() const { return {roc, precision_recall}; }

  RankingCharts near_the_corner() const {
    auto near = *this;
    near.roc.title = "ROC, upper left corner";
    near.roc.x.high = 0.1;
    near.roc.y.low = 0.8;
    near.precision_recall.title = "Precision and recall, upper right corner";
    near.precision_recall.x.low = 0.6;
    near.precision_recall.y.low = 0.8;
    return near;
  }
};

RankingCharts positive_charts(const ClassifierReport& report) {
  RankingCharts charts;
  for (const auto& split : report.splits) {
    const auto& one = split.metrics.classes[static_cast<size_t>(*report.positive)];
    charts.add(one, split.name, colour_of(split.name));
    if (!split.metrics.at_threshold || split.name == "train") continue;
    charts.mark(*split.metrics.at_threshold, "threshold on " + split.name, colour_of(split.name));
  }
  return charts;
}

RankingCharts class_charts(const ClassifierReport& report) {
  const auto& metrics = report.main().metrics;
  std::vector<size_t> order(report.labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return metrics.classification.classes[a].support > metrics.classification.classes[b].support;
  });
  order.resize(std::min(order.size(), kMostClassCurves));
  RankingCharts charts;
  for (size_t i = 0; i < order.size(); ++i) {
    charts.add(metrics.classes[order[i]], visible_text(report.labels[order[i]], kNameCharacters),
               static_cast<int>(i) + 1);
  }
  return charts;
}

Chart reliability_chart(const ClassifierReport& report, const Calibration& calibration,
                        const std::string& title) {
  const bool two = report.labels.size() == 2;  // then the predicted class has at least one half
  Chart chart{.title = title,
              .x = {"confidence", two ? 0.5 : 0.0, 1, true},
              .y = {"accuracy", 0, 1, true},
              .diagonal = true};
  ChartSeries dots{"accuracy per bin with 95 % interval", colour_of(report.main_split),
                   Style::kDots};
  dots.detail = concat("calibration error ", fixed(100 * calibration.error, 2), " points");
  const auto all = static_cast<double>(report.main().metrics.classification.rows);
  for (const auto& bin : calibration.bins) {
    if (bin.rows == 0) continue;
    chart.bars.push_back({bin.low, bin.high, static_cast<double>(bin.rows) / all});
    dots.points.push_back({bin.confidence, bin.accuracy()});
    const auto interval = wilson_interval(bin.right, bin.rows);
    dots.whiskers.push_back({interval.low, interval.high});
  }
  chart.series.push_back(dots);
  return chart;
}

}  // namespace

Html training_charts(const ClassifierReport& report) {
  return figures({metric_chart(report, "Loss", {.label = "cross entropy (nats)"},
                               {{"loss", "batch of each step", 0, Style::kThinLine},
                                {"train_loss", "training rows", 3, Style::kDottedLine},
                                {"val_loss", "validation", 1, Style::kDottedLine}}),
                  metric_chart(report, "Accuracy", {.label = "accuracy", .as_percent = true},
                               {{"train_accuracy", "training rows", 3, Style::kDottedLine},
                                {"val_accuracy", "validation", 1, Style::kDottedLine}})});
}

Html ranking_charts(const ClassifierReport& report) {
  const auto auc = report.roc_auc(report.main().metrics);
  if (!auc) return {};
  const auto whole = report.positive ? positive_charts(report) : class_charts(report);
  auto html = figures(whole.both());
  if (*auc >= 0.95) html.markup += figures(whole.near_the_corner().both()).markup;
  return html;
}

Html reliability_charts(const ClassifierReport& report) {
  const auto& split = report.main();
  const bool after = split.calibrated.has_value();
  std::vector<Chart> charts = {
      reliability_chart(report, split.metrics.calibration,
                        concat("On ", split.name, after ? ", without temperature" : ""))};
  if (after) {
    charts.push_back(reliability_chart(report, *split.calibrated,
                                       concat("On ", split.name, ", with temperature ",
                                              fixed(report.temperature->temperature, 2))));
  }
  return figures(charts);
}

}  // namespace gptkit
