#include "eval/classification_metrics.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gptkit {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

void require_rows(size_t truth, size_t predicted) {
  require(truth == predicted && truth > 0, "a report needs rows with a truth and a prediction ",
          "each; there are ", truth, " and ", predicted);
}

/// Counts that make up precision, recall and F1.
struct Counts {
  int64_t hits = 0, truth = 0, predicted = 0;
  double precision() const { return ratio(hits, predicted); }
  double recall() const { return ratio(hits, truth); }
  double f1() const { return ratio(2 * hits, truth + predicted); }
  ClassMetrics of(const std::string& label) const {
    return {label, truth, precision(), recall(), f1(), predicted};
  }
};

/// The counts of one class of a confusion matrix.
Counts counts_of(const std::vector<std::vector<int64_t>>& confusion, size_t c) {
  Counts counts{.hits = confusion[c][c]};
  for (size_t other = 0; other < confusion.size(); ++other) {
    counts.truth += confusion[c][other];
    counts.predicted += confusion[other][c];
  }
  return counts;
}

/// A class that neither occurs nor is predicted is left out: it would lower the mean without
/// reason.
void add_macro_means(ClassificationMetrics& metrics) {
  int64_t counted = 0;
  for (const auto& one : metrics.classes) {
    if (one.support + one.predicted == 0) continue;
    ++counted;
    metrics.macro_precision += one.precision;
    metrics.macro_recall += one.recall;
    metrics.macro_f1 += one.f1;
  }
  for (double* mean : {&metrics.macro_precision, &metrics.macro_recall, &metrics.macro_f1}) {
    *mean /= static_cast<double>(counted);
  }
}

bool has(const LabelSet& set, size_t label) {
  return std::find(set.begin(), set.end(), static_cast<int64_t>(label)) != set.end();
}

Counts counts_of(const std::vector<LabelSet>& truth, const std::vector<LabelSet>& predicted,
                 size_t label) {
  Counts counts;
  for (size_t row = 0; row < truth.size(); ++row) {
    const bool is = has(truth[row], label), said = has(predicted[row], label);
    counts.hits += is && said;
    counts.truth += is;
    counts.predicted += said;
  }
  return counts;
}

}  // namespace

ClassificationMetrics classification_metrics(const std::vector<int64_t>& truth,
                                             const std::vector<int64_t>& predicted,
                                             const std::vector<std::string>& labels) {
  require_rows(truth.size(), predicted.size());
  const size_t n = labels.size();
  ClassificationMetrics metrics;
  metrics.rows = std::ssize(truth);
  metrics.confusion.assign(n, std::vector<int64_t>(n, 0));
  for (size_t i = 0; i < truth.size(); ++i) {
    ++metrics.confusion.at(static_cast<size_t>(truth[i])).at(static_cast<size_t>(predicted[i]));
  }
  int64_t right = 0;
  for (size_t c = 0; c < n; ++c) {
    const auto counts = counts_of(metrics.confusion, c);
    right += counts.hits;
    metrics.classes.push_back(counts.of(labels[c]));
  }
  metrics.accuracy = ratio(right, metrics.rows);
  metrics.accuracy_interval = wilson_interval(right, metrics.rows);
  add_macro_means(metrics);
  return metrics;
}

MultiLabelMetrics multi_label_metrics(const std::vector<LabelSet>& truth,
                                      const std::vector<LabelSet>& predicted,
                                      const std::vector<std::string>& labels) {
  require_rows(truth.size(), predicted.size());
  MultiLabelMetrics metrics;
  metrics.rows = std::ssize(truth);
  Counts all;
  for (size_t label = 0; label < labels.size(); ++label) {
    const auto counts = counts_of(truth, predicted, label);
    all.hits += counts.hits;
    all.truth += counts.truth;
    all.predicted += counts.predicted;
    metrics.classes.push_back(counts.of(labels[label]));
    const auto n = static_cast<double>(labels.size());
    metrics.macro_precision += counts.precision() / n;
    metrics.macro_recall += counts.recall() / n;
    metrics.macro_f1 += counts.f1() / n;
  }
  metrics.micro_precision = all.precision();
  metrics.micro_recall = all.recall();
  metrics.micro_f1 = all.f1();
  int64_t right = 0;
  for (size_t row = 0; row < truth.size(); ++row) right += truth[row] == predicted[row];
  metrics.exact_match = ratio(right, metrics.rows);
  return metrics;
}

RegressionMetrics regression_metrics(const std::vector<std::vector<double>>& truth,
                                     const std::vector<std::vector<double>>& predicted) {
  require_rows(truth.size(), predicted.size());
  RegressionMetrics metrics{.rows = std::ssize(truth)};
  double count = 0;
  for (size_t row = 0; row < truth.size(); ++row) {
    for (size_t i = 0; i < truth[row].size(); ++i, ++count) {
      const double error = predicted[row].at(i) - truth[row][i];
      metrics.mean_squared_error += error * error;
      metrics.mean_absolute_error += std::abs(error);
    }
  }
  metrics.mean_squared_error /= count;
  metrics.mean_absolute_error /= count;
  return metrics;
}

}  // namespace gptkit
