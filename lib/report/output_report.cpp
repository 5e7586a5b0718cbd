#include "report/output_report.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"
#include "report/format.h"

namespace gptkit {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

bool has(const LabelSet& set, size_t label) {
  return std::find(set.begin(), set.end(), static_cast<int64_t>(label)) != set.end();
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
};

OrderedJson figures(double precision, double recall, double f1) {
  return {{"precision", precision}, {"recall", recall}, {"f1", f1}};
}

std::string row_of(const std::string& name, size_t width, double precision, double recall,
                   double f1) {
  return left_in(name, width) + right_in(fixed(precision, 4), 11) + right_in(fixed(recall, 4), 11) +
         right_in(fixed(f1, 4), 11);
}

}  // namespace

MultiLabelReport multi_label_report(const std::vector<LabelSet>& truth,
                                    const std::vector<LabelSet>& predicted,
                                    const std::vector<std::string>& labels) {
  require_rows(truth.size(), predicted.size());
  MultiLabelReport report;
  report.rows = std::ssize(truth);
  Counts all;
  for (size_t label = 0; label < labels.size(); ++label) {
    Counts counts;
    for (size_t row = 0; row < truth.size(); ++row) {
      const bool is = has(truth[row], label), said = has(predicted[row], label);
      counts.hits += is && said;
      counts.truth += is;
      counts.predicted += said;
    }
    all.hits += counts.hits;
    all.truth += counts.truth;
    all.predicted += counts.predicted;
    report.classes.push_back({labels[label], counts.truth, counts.precision(), counts.recall(),
                              counts.f1(), counts.predicted});
    const auto n = static_cast<double>(labels.size());
    report.macro_precision += counts.precision() / n;
    report.macro_recall += counts.recall() / n;
    report.macro_f1 += counts.f1() / n;
  }
  report.micro_precision = all.precision();
  report.micro_recall = all.recall();
  report.micro_f1 = all.f1();
  int64_t right = 0;
  for (size_t row = 0; row < truth.size(); ++row) right += truth[row] == predicted[row];
  report.exact_match = ratio(right, report.rows);
  return report;
}

OrderedJson to_json(const MultiLabelReport& report) {
  OrderedJson json = {
      {"problem_type", "multi_label_classification"},
      {"rows", report.rows},
      {"exact_match", report.exact_match},
      {"micro", figures(report.micro_precision, report.micro_recall, report.micro_f1)},
      {"macro", figures(report.macro_precision, report.macro_recall, report.macro_f1)}};
  for (const auto& label : report.classes) {
    json["classes"][label.label] = figures(label.precision, label.recall, label.f1);
    json["classes"][label.label]["rows"] = label.support;
  }
  return json;
}

std::string to_text(const MultiLabelReport& report) {
  size_t width = 12;
  std::vector<std::string> names;
  for (const auto& label : report.classes) {
    names.push_back(visible_text(label.label, 60));
    width = std::max(width, columns(names.back()) + 2);
  }
  std::string text = concat("multi-label: all labels right in ", fixed(report.exact_match, 4),
                            " of ", format_count(report.rows), " rows\n\n", left_in("label", width),
                            right_in("precision", 11), right_in("recall", 11), right_in("F1", 11),
                            right_in("rows", 9), "\n");
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& label = report.classes[i];
    text += row_of(names[i], width, label.precision, label.recall, label.f1) +
            right_in(std::to_string(label.support), 9) + "\n";
  }
  text +=
      row_of("macro mean", width, report.macro_precision, report.macro_recall, report.macro_f1) +
      "\n";
  return text +
         row_of("micro mean", width, report.micro_precision, report.micro_recall, report.micro_f1) +
         "\n";
}

RegressionReport regression_report(const std::vector<std::vector<double>>& truth,
                                   const std::vector<std::vector<double>>& predicted) {
  require_rows(truth.size(), predicted.size());
  RegressionReport report{.rows = std::ssize(truth)};
  double count = 0;
  for (size_t row = 0; row < truth.size(); ++row) {
    for (size_t i = 0; i < truth[row].size(); ++i, ++count) {
      const double error = predicted[row].at(i) - truth[row][i];
      report.mean_squared_error += error * error;
      report.mean_absolute_error += std::abs(error);
    }
  }
  report.mean_squared_error /= count;
  report.mean_absolute_error /= count;
  return report;
}

OrderedJson to_json(const RegressionReport& report) {
  return {{"problem_type", "regression"},
          {"rows", report.rows},
          {"mean_squared_error", report.mean_squared_error},
          {"mean_absolute_error", report.mean_absolute_error}};
}

std::string to_text(const RegressionReport& report) {
  return concat("regression: mean squared error ", report.mean_squared_error,
                ", mean absolute error ", report.mean_absolute_error, " on ",
                format_count(report.rows), " rows\n");
}

}  // namespace gptkit
