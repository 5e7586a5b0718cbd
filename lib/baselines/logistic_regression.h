#pragma once
// Linear classification of sparse rows: logistic regression with an l2 penalty, the minimum that
// scikit-learn's LogisticRegression looks for. Two classes have one vector of weights, K > 2
// classes K of them (multinomial); intercepts are not penalised.

#include <cstdint>
#include <vector>

#include "baselines/sparse_row.h"

namespace gptkit {

struct ClassifiedRows {
  std::vector<SparseRow> rows;
  std::vector<std::int64_t> labels;  // one a row, in [0, n_classes)
  std::int64_t n_columns = 0, n_classes = 0;
};

struct LogisticRegressionOptions {
  double c = 1;  // the inverse of the penalty's strength: c * (sum of losses) + |weights|^2 / 2
  std::vector<double> class_weights = {};  // how much a row of each class counts; empty: 1
  double tolerance = 1e-6;  // of the gradient of the rows' mean loss, as scikit-learn's tol
  std::int64_t max_iterations = 1000;
};

class LogisticRegression {
 public:
  /// Fits by L-BFGS from zero; the same input gives the same weights. Memory: some 25 numbers a
  /// weight. Fails for fewer than two classes, no rows, labels or columns out of range, weights or
  /// a c that are not positive.
  LogisticRegression(const ClassifiedRows& data, const LogisticRegressionOptions& options = {});

  /// A probability for each class; they add up to 1.
  std::vector<double> probabilities(const SparseRow& row) const;

  /// coefficients()[column * n_outputs() + output]; one output, for class 1, where there are two
  /// classes.
  const std::vector<double>& coefficients() const { return coefficients_; }
  const std::vector<double>& intercepts() const { return intercepts_; }
  std::int64_t n_outputs() const { return static_cast<std::int64_t>(intercepts_.size()); }
  std::int64_t iterations() const { return iterations_; }
  bool converged() const { return converged_; }  ///< to the tolerance

 private:
  std::vector<double> coefficients_, intercepts_;
  std::int64_t n_classes_, iterations_ = 0;
  bool converged_ = false;
};

}  // namespace gptkit
