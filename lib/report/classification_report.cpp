#include "report/classification_report.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "report/format.h"

namespace gptkit {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

/// A class that neither occurs nor is predicted would pull the mean down for nothing.
void add_macro_means(ClassificationReport& report) {
  int64_t counted = 0;
  for (const auto& figures : report.classes) {
    if (figures.support + figures.predicted == 0) continue;
    ++counted;
    report.macro_precision += figures.precision;
    report.macro_recall += figures.recall;
    report.macro_f1 += figures.f1;
  }
  for (double* mean : {&report.macro_precision, &report.macro_recall, &report.macro_f1}) {
    *mean /= static_cast<double>(counted);
  }
}

}  // namespace

ClassificationReport classification_report(const std::vector<int64_t>& truth,
                                           const std::vector<int64_t>& predicted,
                                           const std::vector<std::string>& labels) {
  require(truth.size() == predicted.size() && !truth.empty(),
          "a report needs rows with a truth and ", "a prediction each; there are ", truth.size(),
          " and ", predicted.size());
  const size_t n = labels.size();
  ClassificationReport report;
  report.rows = static_cast<int64_t>(truth.size());
  report.confusion.assign(n, std::vector<int64_t>(n, 0));
  for (size_t i = 0; i < truth.size(); ++i) {
    ++report.confusion.at(static_cast<size_t>(truth[i])).at(static_cast<size_t>(predicted[i]));
  }
  int64_t right = 0;
  for (size_t c = 0; c < n; ++c) {
    int64_t support = 0, chosen = 0;
    for (size_t other = 0; other < n; ++other) {
      support += report.confusion[c][other];
      chosen += report.confusion[other][c];
    }
    const int64_t hits = report.confusion[c][c];
    right += hits;
    report.classes.push_back({labels[c], support, ratio(hits, chosen), ratio(hits, support),
                              ratio(2 * hits, chosen + support), chosen});
  }
  report.accuracy = ratio(right, report.rows);
  report.accuracy_interval = wilson_interval(right, report.rows);
  add_macro_means(report);
  return report;
}

OrderedJson to_json(const ClassificationReport& report) {
  const auto& interval = report.accuracy_interval;
  OrderedJson json = {{"rows", report.rows},
                      {"accuracy", report.accuracy},
                      {"accuracy_interval", {interval.low, interval.high}},
                      {"macro",
                       {{"precision", report.macro_precision},
                        {"recall", report.macro_recall},
                        {"f1", report.macro_f1}}}};
  for (const auto& figures : report.classes) {
    json["classes"][figures.label] = {{"precision", figures.precision},
                                      {"recall", figures.recall},
                                      {"f1", figures.f1},
                                      {"rows", figures.support}};
  }
  json["confusion"] = report.confusion;
  return json;
}

std::string to_text(const ClassificationReport& report) {
  size_t width = 10;
  std::vector<std::string> labels;
  for (const auto& figures : report.classes) {
    labels.push_back(printable(figures.label, std::string::npos));
    width = std::max(width, columns(labels.back()) + 2);
  }
  std::string text = formatted("accuracy %.4f on %lld rows, 95 %% interval %.4f to %.4f\n\n",
                               report.accuracy, static_cast<long long>(report.rows),
                               report.accuracy_interval.low, report.accuracy_interval.high);
  text.append(left_in("class", width));
  text.append(formatted(" %10s %10s %10s %8s\n", "precision", "recall", "F1", "rows"));
  for (size_t c = 0; c < labels.size(); ++c) {
    const auto& figures = report.classes[c];
    text.append(left_in(labels[c], width));
    text.append(formatted(" %10.4f %10.4f %10.4f %8lld\n", figures.precision, figures.recall,
                          figures.f1, static_cast<long long>(figures.support)));
  }
  text.append(left_in("macro mean", width));
  text.append(formatted(" %10.4f %10.4f %10.4f\n", report.macro_precision, report.macro_recall,
                        report.macro_f1));
  text.append("\n").append(left_in("truth \\ predicted", width));
  for (const auto& label : labels) text.append(1, ' ').append(right_in(label, 10));
  for (size_t truth = 0; truth < report.classes.size(); ++truth) {
    text.append("\n").append(left_in(labels[truth], std::max<size_t>(width, 17)));
    for (const int64_t count : report.confusion[truth]) {
      text += formatted(" %10lld", static_cast<long long>(count));
    }
  }
  return text + "\n";
}

}  // namespace gptkit
