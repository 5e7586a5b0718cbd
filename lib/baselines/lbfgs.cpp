#include "baselines/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <utility>

#include "base/stop.h"

namespace gptkit {

namespace {

using Vector = std::vector<double>;

struct Point {
  Vector x, gradient;
  double value = 0;
};

/// A step that was taken: by how much x and the gradient changed. The curvature along it,
/// step . change > 0, is what the line search sees to.
struct Step {
  Vector step, change;
  double curvature;
};

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// y + a x
void add_scaled(Vector& y, double a, const Vector& x) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += a * x[i];
}

Vector difference(const Vector& a, const Vector& b) {
  Vector result = a;
  add_scaled(result, -1, b);
  return result;
}

double largest(const Vector& x) {
  double result = 0;
  for (const double value : x) result = std::max(result, std::abs(value));
  return result;
}

/// The gradient times the inverse Hessian that the remembered steps suggest, negated: the
/// two-loop recursion.
Vector descent_direction(const Vector& gradient, const std::deque<Step>& steps) {
  Vector direction = gradient;
  std::vector<double> shares;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    shares.push_back(dot(it->step, direction) / it->curvature);
    add_scaled(direction, -shares.back(), it->change);
  }
  const double scale =
      steps.empty() ? -1 : -steps.back().curvature / dot(steps.back().change, steps.back().change);
  for (double& value : direction) value *= scale;
  for (const auto& [step, change, curvature] : steps) {
    add_scaled(direction, -shares.back() - dot(change, direction) / curvature, step);
    shares.pop_back();
  }
  return direction;
}

/// Bisects for a length that lowers the value enough and flattens the slope enough (the weak Wolfe
/// conditions; Lewis and Overton, doi:10.1007/s10107-012-0514-2). False when rounding hides both.
bool search_line(const Objective& objective, const Point& from, const Vector& direction,
                 double length, Point& to) {
  constexpr double kDecrease = 1e-4, kFlatter = 0.9;
  constexpr double kRounding = 1e-13;  // near the minimum the slope still tells what values do not
  constexpr int kTrials = 40;
  const double slope = dot(from.gradient, direction);
  const double limit = from.value + kRounding * std::abs(from.value);
  double low = 0, high = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < kTrials; ++trial) {
    stop_if_asked("stopped while fitting");
    to.x = from.x;
    add_scaled(to.x, length, direction);
    to.value = objective(to.x, to.gradient);
    if (!(to.value <= limit + kDecrease * length * slope)) {
      high = length;
    } else if (dot(to.gradient, direction) < kFlatter * slope) {
      low = length;
    } else {
      return true;
    }
    length = std::isinf(high) ? 2 * length : (low + high) / 2;
  }
  return false;
}

}  // namespace

LbfgsResult minimize_lbfgs(const Objective& objective, std::vector<double> start,
                           const LbfgsOptions& options) {
  Point at{std::move(start), {}, 0}, next;
  at.gradient.resize(at.x.size());
  next.gradient.resize(at.x.size());
  at.value = objective(at.x, at.gradient);

  std::deque<Step> steps;
  std::int64_t iteration = 0;
  for (; iteration < options.max_iterations; ++iteration) {
    if (largest(at.gradient) <= options.tolerance) break;
    const Vector direction = descent_direction(at.gradient, steps);
    // Without a remembered step the gradient's length says nothing about the scale of x.
    const double length =
        steps.empty() ? std::min(1.0, 1 / std::sqrt(dot(direction, direction))) : 1;
    if (!search_line(objective, at, direction, length, next)) break;

    Step step{difference(next.x, at.x), difference(next.gradient, at.gradient), 0};
    step.curvature = dot(step.step, step.change);
    if (std::ssize(steps) == options.memory) steps.pop_front();
    steps.push_back(std::move(step));
    std::swap(at, next);
  }
  const double steepest = largest(at.gradient);
  return {std::move(at.x), at.value, steepest, iteration, steepest <= options.tolerance};
}

}  // namespace gptkit
