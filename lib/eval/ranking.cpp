#include "eval/ranking.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace gptkit {

namespace {

std::optional<double> share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

double precision_of(const RankedPoint& point) {
  return *share(point.true_positives, point.true_positives + point.false_positives);
}

/// Drops points inside a straight run along an axis, which do not change the drawing.
std::vector<CurvePoint> corners(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> kept;
  for (size_t i = 0; i < points.size(); ++i) {
    const bool inside = i > 0 && i + 1 < points.size() &&
                        ((points[i - 1].x == points[i].x && points[i].x == points[i + 1].x) ||
                         (points[i - 1].y == points[i].y && points[i].y == points[i + 1].y));
    if (!inside) kept.push_back(points[i]);
  }
  return kept;
}

/// Keeps the ends, and other points at a distance of at least `gap`: the full curve of a million
/// rows would take a megabyte. Both ends of a jump are kept; otherwise its edge would become a
/// slope.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& all, double gap) {
  if (gap <= 0) return all;
  auto points = corners(all);
  if (points.size() < 3) return points;
  std::vector<CurvePoint> kept = {points.front()};
  size_t last = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    const double moved =
        std::max(std::abs(points[i].x - points[last].x), std::abs(points[i].y - points[last].y));
    if (moved < gap && i + 1 < points.size()) continue;
    if (i - 1 > last) kept.push_back(points[i - 1]);
    kept.push_back(points[i]);
    last = i;
  }
  return kept;
}

}  // namespace

Ranking rank_by_score(const std::vector<double>& scores, const std::vector<bool>& positive) {
  require(scores.size() == positive.size(), "a ranking needs a truth for each score; there are ",
          scores.size(), " scores and ", positive.size(), " truths");
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (const size_t row : order) {
    require(std::isfinite(scores[row]), "row ", row, ": a score of ", scores[row],
            " has no rank; expected a finite number");
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  Ranking ranking;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t row = order[i];
    ++(positive[row] ? ranking.positives : ranking.negatives);
    const bool last_of_its_score = i + 1 == order.size() || scores[order[i + 1]] != scores[row];
    if (!last_of_its_score) continue;
    ranking.points.push_back({scores[row], ranking.positives, ranking.negatives});
  }
  return ranking;
}

std::optional<double> roc_auc(const Ranking& ranking) {
  if (ranking.positives == 0 || ranking.negatives == 0) return std::nullopt;
  double doubled_area = 0;  // in rows: exact up to 2^53
  RankedPoint last;
  for (const auto& point : ranking.points) {
    doubled_area += static_cast<double>(point.false_positives - last.false_positives) *
                    static_cast<double>(point.true_positives + last.true_positives);
    last = point;
  }
  return doubled_area / 2 / static_cast<double>(ranking.positives) /
         static_cast<double>(ranking.negatives);
}

std::optional<double> average_precision(const Ranking& ranking) {
  if (ranking.positives == 0) return std::nullopt;
  double sum = 0;
  std::int64_t found = 0;
  for (const auto& point : ranking.points) {
    sum += static_cast<double>(point.true_positives - found) * precision_of(point);
    found = point.true_positives;
  }
  return sum / static_cast<double>(ranking.positives);
}

std::vector<CurvePoint> roc_curve(const Ranking& ranking, double gap) {
  if (ranking.positives == 0 || ranking.negatives == 0) return {};
  std::vector<CurvePoint> curve = {{0, 0, ranking.points.front().threshold}};
  for (const auto& point : ranking.points) {
    curve.push_back({*share(point.false_positives, ranking.negatives),
                     *share(point.true_positives, ranking.positives), point.threshold});
  }
  return thinned(curve, gap);
}

std::vector<CurvePoint> precision_recall_curve(const Ranking& ranking, double gap) {
  if (ranking.positives == 0) return {};
  std::vector<CurvePoint> curve;
  for (const auto& point : ranking.points) {
    curve.push_back(
        {*share(point.true_positives, ranking.positives), precision_of(point), point.threshold});
  }
  return thinned(curve, gap);
}

std::optional<ThresholdChoice> choose_threshold(const Ranking& ranking, double target_precision) {
  require(target_precision > 0 && target_precision <= 1, "wanted precision ", target_precision,
          " is out of range; expected more than 0 and at most 1");
  if (ranking.positives == 0) return std::nullopt;
  std::optional<ThresholdChoice> best;
  for (const auto& point : ranking.points) {
    const double precision = precision_of(point);
    const ThresholdChoice choice{point.threshold, target_precision, precision,
                                 *share(point.true_positives, ranking.positives),
                                 precision >= target_precision};
    const bool better = !best || choice.reached > best->reached ||
                        (choice.reached && best->reached && choice.recall > best->recall) ||
                        (!choice.reached && !best->reached &&
                         (choice.precision > best->precision ||
                          (choice.precision == best->precision && choice.recall > best->recall)));
    if (better) best = choice;
  }
  return best;
}

std::optional<double> BinaryCounts::accuracy() const {
  return share(true_positives + true_negatives, rows());
}
std::optional<double> BinaryCounts::precision() const {
  return share(true_positives, true_positives + false_positives);
}
std::optional<double> BinaryCounts::recall() const {
  return share(true_positives, true_positives + false_negatives);
}
std::optional<double> BinaryCounts::f1() const {
  return share(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
}
std::optional<double> BinaryCounts::false_positive_rate() const {
  return share(false_positives, false_positives + true_negatives);
}

BinaryCounts count_at(const Ranking& ranking, double threshold) {
  const auto below =
      std::partition_point(ranking.points.begin(), ranking.points.end(),
                           [&](const RankedPoint& point) { return point.threshold >= threshold; });
  const auto cut = below == ranking.points.begin() ? RankedPoint{} : *std::prev(below);
  return {cut.true_positives, cut.false_positives, ranking.positives - cut.true_positives,
          ranking.negatives - cut.false_positives};
}

}  // namespace gptkit
