#include "baselines/logistic_regression.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

#include "base/error.h"
#include "baselines/lbfgs.h"

namespace gptkit {

namespace {

/// Columns and outputs of a weight vector: the coefficients by column, then the intercepts. With
/// two classes the first has no output of its own: its logit is 0.
struct Shape {
  std::size_t columns, classes;

  std::size_t outputs() const { return classes == 2 ? 1 : classes; }
  std::size_t coefficients() const { return columns * outputs(); }
  std::size_t weights() const { return coefficients() + outputs(); }
};

/// coefficients . row + intercepts, into the last logits; those before are 0.
void set_logits(const SparseRow& row, const double* coefficients, const double* intercepts,
                std::size_t outputs, std::vector<double>& logits) {
  std::fill(logits.begin(), logits.end(), 0.0);
  double* const logit = &*logits.end() - outputs;
  std::copy_n(intercepts, outputs, logit);
  for (const auto& [column, value] : row) {
    const double* const coefficient = coefficients + column * outputs;
    for (std::size_t o = 0; o < outputs; ++o) logit[o] += coefficient[o] * value;
  }
}

/// Logits become probabilities. Returns ln(sum of e^logit).
double softmax_(std::vector<double>& logits) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (double& value : logits) sum += value = std::exp(value - largest);
  for (double& value : logits) value /= sum;
  return largest + std::log(sum);
}

/// The mean of the rows' losses, plus the penalty divided by the same number.
class PenalisedLoss {
 public:
  PenalisedLoss(const ClassifiedRows& data, const LogisticRegressionOptions& options)
      : data_(data),
        shape_{static_cast<std::size_t>(data.n_columns), static_cast<std::size_t>(data.n_classes)},
        class_weights_(options.class_weights) {
    if (class_weights_.empty()) class_weights_.assign(shape_.classes, 1);
    for (const auto label : data.labels) total_ += class_weights_[static_cast<std::size_t>(label)];
    penalty_ = 1 / (options.c * total_);
  }

  double operator()(const std::vector<double>& weights, std::vector<double>& gradient) const {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    std::vector<double> logits(shape_.classes);
    double loss = 0;
    for (std::size_t i = 0; i < data_.rows.size(); ++i) {
      loss += add_row(i, weights, logits, gradient);
    }
    for (std::size_t w = 0; w < shape_.coefficients(); ++w) {
      loss += 0.5 * penalty_ * weights[w] * weights[w];
      gradient[w] += penalty_ * weights[w];
    }
    return loss;
  }

 private:
  const ClassifiedRows& data_;
  Shape shape_;
  std::vector<double> class_weights_;
  double total_ = 0, penalty_ = 0;

  double add_row(std::size_t i, const std::vector<double>& weights, std::vector<double>& logits,
                 std::vector<double>& gradient) const {
    const auto label = static_cast<std::size_t>(data_.labels[i]);
    const double share = class_weights_[label] / total_;
    const std::size_t outputs = shape_.outputs();
    const double* const intercepts = weights.data() + shape_.coefficients();
    set_logits(data_.rows[i], weights.data(), intercepts, outputs, logits);
    const double right = logits[label];
    const double loss = share * (softmax_(logits) - right);

    logits[label] -= 1;  // now the loss's derivative by each logit
    for (double& value : logits) value *= share;
    const std::span<const double> errors = std::span(logits).last(outputs);
    for (const auto& [column, value] : data_.rows[i]) {
      double* const of_column = gradient.data() + column * outputs;
      for (std::size_t o = 0; o < outputs; ++o) of_column[o] += errors[o] * value;
    }
    double* const of_intercepts = gradient.data() + shape_.coefficients();
    for (std::size_t o = 0; o < outputs; ++o) of_intercepts[o] += errors[o];
    return loss;
  }
};

void check(const ClassifiedRows& data, const LogisticRegressionOptions& options) {
  const auto in_range = [](std::int64_t value, std::int64_t end) {
    return value >= 0 && value < end;
  };
  require(data.n_classes >= 2, "logistic regression with ", data.n_classes,
          " classes; it needs at least two");
  require(!data.rows.empty() && data.rows.size() == data.labels.size(), "logistic regression of ",
          data.rows.size(), " rows with ", data.labels.size(),
          " labels; expected a label for each of at least one row");
  require(options.c > 0, "logistic regression with c ", options.c, "; expected more than 0");
  const auto& weights = options.class_weights;
  require(weights.empty() || std::ssize(weights) == data.n_classes, weights.size(),
          " class weights for ", data.n_classes, " classes; give one for each, or none");
  double total = 0;
  for (std::size_t i = 0; i < data.rows.size(); ++i) {
    require(in_range(data.labels[i], data.n_classes), "row ", i, " has the class ", data.labels[i],
            "; expected one from 0 to ", data.n_classes - 1);
    require(data.rows[i].empty() || in_range(data.rows[i].back().column, data.n_columns), "row ", i,
            " has a column ", data.rows[i].empty() ? 0 : data.rows[i].back().column, " of ",
            data.n_columns);
    if (!weights.empty()) total += weights[static_cast<std::size_t>(data.labels[i])];
  }
  const bool usable = std::ranges::all_of(weights, [](double w) { return w >= 0; });
  require(weights.empty() || (usable && std::isfinite(total) && total > 0),
          "class weights must be finite, none below 0, and not all rows may weigh 0");
}

}  // namespace

LogisticRegression::LogisticRegression(const ClassifiedRows& data,
                                       const LogisticRegressionOptions& options)
    : n_classes_(data.n_classes) {
  check(data, options);
  const Shape shape{static_cast<std::size_t>(data.n_columns),
                    static_cast<std::size_t>(data.n_classes)};
  auto fitted =
      minimize_lbfgs(PenalisedLoss(data, options), std::vector<double>(shape.weights()),
                     {.tolerance = options.tolerance, .max_iterations = options.max_iterations});
  const auto intercepts = fitted.x.begin() + static_cast<std::ptrdiff_t>(shape.coefficients());
  intercepts_.assign(intercepts, fitted.x.end());
  fitted.x.erase(intercepts, fitted.x.end());
  coefficients_ = std::move(fitted.x);
  iterations_ = fitted.iterations;
  converged_ = fitted.converged;
}

std::vector<double> LogisticRegression::probabilities(const SparseRow& row) const {
  std::vector<double> result(static_cast<std::size_t>(n_classes_));
  set_logits(row, coefficients_.data(), intercepts_.data(), intercepts_.size(), result);
  softmax_(result);
  return result;
}

}  // namespace gptkit
