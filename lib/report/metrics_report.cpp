#include "report/metrics_report.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/strings.h"
#include "report/format.h"

namespace gptkit {

namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

OrderedJson three(double precision, double recall, double f1) {
  return {{"precision", precision}, {"recall", recall}, {"f1", f1}};
}

std::string row_of(const std::string& name, size_t width, double precision, double recall,
                   double f1) {
  return left_in(name, width) + right_in(fixed(precision, 4), 11) + right_in(fixed(recall, 4), 11) +
         right_in(fixed(f1, 4), 11);
}

}  // namespace

OrderedJson to_json(const ClassificationMetrics& metrics) {
  const auto& interval = metrics.accuracy_interval;
  OrderedJson json = {{"rows", metrics.rows},
                      {"accuracy", metrics.accuracy},
                      {"accuracy_interval", {interval.low, interval.high}},
                      {"macro",
                       {{"precision", metrics.macro_precision},
                        {"recall", metrics.macro_recall},
                        {"f1", metrics.macro_f1}}}};
  for (const auto& one : metrics.classes) {
    json["classes"][one.label] = {{"precision", one.precision},
                                  {"recall", one.recall},
                                  {"f1", one.f1},
                                  {"rows", one.support}};
  }
  json["confusion"] = metrics.confusion;
  return json;
}

std::string to_text(const ClassificationMetrics& metrics) {
  size_t width = 10;
  std::vector<std::string> labels;
  for (const auto& one : metrics.classes) {
    labels.push_back(printable(one.label, std::string::npos));
    width = std::max(width, columns(labels.back()) + 2);
  }
  std::string text = formatted("accuracy %.4f on %lld rows, 95 %% interval %.4f to %.4f\n\n",
                               metrics.accuracy, static_cast<long long>(metrics.rows),
                               metrics.accuracy_interval.low, metrics.accuracy_interval.high);
  text.append(left_in("class", width));
  text.append(formatted(" %10s %10s %10s %8s\n", "precision", "recall", "F1", "rows"));
  for (size_t c = 0; c < labels.size(); ++c) {
    const auto& one = metrics.classes[c];
    text.append(left_in(labels[c], width));
    text.append(formatted(" %10.4f %10.4f %10.4f %8lld\n", one.precision, one.recall, one.f1,
                          static_cast<long long>(one.support)));
  }
  text.append(left_in("macro mean", width));
  text.append(formatted(" %10.4f %10.4f %10.4f\n", metrics.macro_precision, metrics.macro_recall,
                        metrics.macro_f1));
  text.append("\n").append(left_in("truth \\ predicted", width));
  for (const auto& label : labels) text.append(1, ' ').append(right_in(label, 10));
  for (size_t truth = 0; truth < metrics.classes.size(); ++truth) {
    text.append("\n").append(left_in(labels[truth], std::max<size_t>(width, 17)));
    for (const int64_t count : metrics.confusion[truth]) {
      text += formatted(" %10lld", static_cast<long long>(count));
    }
  }
  return text + "\n";
}

ClassificationMetrics classification_metrics_from_json(const OrderedJson& json,
                                                       const std::string& where) {
  ClassificationMetrics metrics;
  try {
    metrics.rows = json.at("rows").get<int64_t>();
    metrics.accuracy = json.at("accuracy").get<double>();
    const auto& interval = json.at("accuracy_interval");
    metrics.accuracy_interval = {interval.at(0).get<double>(), interval.at(1).get<double>()};
    metrics.macro_precision = json.at("macro").at("precision").get<double>();
    metrics.macro_recall = json.at("macro").at("recall").get<double>();
    metrics.macro_f1 = json.at("macro").at("f1").get<double>();
    json.at("confusion").get_to(metrics.confusion);
    for (const auto& [label, one] : json.at("classes").items()) {
      metrics.classes.push_back({label, one.at("rows").get<int64_t>(),
                                 one.at("precision").get<double>(), one.at("recall").get<double>(),
                                 one.at("f1").get<double>()});
    }
  } catch (const OrderedJson::exception&) {
    fail(where, ": expected the metrics of a classifier as finetune-classify writes them");
  }
  require(metrics.confusion.size() == metrics.classes.size(), where, ": ", metrics.confusion.size(),
          " rows of the confusion matrix for ", metrics.classes.size(), " classes");
  for (const auto& row : metrics.confusion) {
    require(row.size() == metrics.classes.size(), where,
            ": the confusion matrix is not a square of the classes");
    for (size_t c = 0; c < row.size(); ++c) metrics.classes[c].predicted += row[c];
  }
  return metrics;
}

OrderedJson to_json(const MultiLabelMetrics& metrics) {
  OrderedJson json = {
      {"problem_type", "multi_label_classification"},
      {"rows", metrics.rows},
      {"exact_match", metrics.exact_match},
      {"micro", three(metrics.micro_precision, metrics.micro_recall, metrics.micro_f1)},
      {"macro", three(metrics.macro_precision, metrics.macro_recall, metrics.macro_f1)}};
  for (const auto& label : metrics.classes) {
    json["classes"][label.label] = three(label.precision, label.recall, label.f1);
    json["classes"][label.label]["rows"] = label.support;
  }
  return json;
}

std::string to_text(const MultiLabelMetrics& metrics) {
  size_t width = 12;
  std::vector<std::string> names;
  for (const auto& label : metrics.classes) {
    names.push_back(visible_text(label.label, 60));
    width = std::max(width, columns(names.back()) + 2);
  }
  std::string text = concat("multi-label: all labels correct in ", fixed(metrics.exact_match, 4),
                            " of ", format_count(metrics.rows), " rows\n\n",
                            left_in("label", width), right_in("precision", 11),
                            right_in("recall", 11), right_in("F1", 11), right_in("rows", 9), "\n");
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& label = metrics.classes[i];
    text += row_of(names[i], width, label.precision, label.recall, label.f1) +
            right_in(std::to_string(label.support), 9) + "\n";
  }
  text +=
      row_of("macro mean", width, metrics.macro_precision, metrics.macro_recall, metrics.macro_f1) +
      "\n";
  return text +
         row_of("micro mean", width, metrics.micro_precision, metrics.micro_recall,
                metrics.micro_f1) +
         "\n";
}

OrderedJson to_json(const RegressionMetrics& metrics) {
  return {{"problem_type", "regression"},
          {"rows", metrics.rows},
          {"mean_squared_error", metrics.mean_squared_error},
          {"mean_absolute_error", metrics.mean_absolute_error}};
}

std::string to_text(const RegressionMetrics& metrics) {
  return concat("regression: mean squared error ", metrics.mean_squared_error,
                ", mean absolute error ", metrics.mean_absolute_error, " on ",
                format_count(metrics.rows), " rows\n");
}

}  // namespace gptkit
