// JSON of a classifier's report.

#include "report/classifier_report.h"
#include "report/metrics_report.h"

namespace gptkit {

namespace {

OrderedJson or_null(const std::optional<double>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson as_json(const Interval& interval) { return {interval.low, interval.high}; }

OrderedJson as_json(const BinaryCounts& counts) {
  const int64_t called = counts.true_positives + counts.false_positives;
  const int64_t positives = counts.true_positives + counts.false_negatives;
  return {{"precision", or_null(counts.precision())},
          {"precision_interval", as_json(wilson_interval(counts.true_positives, called))},
          {"recall", or_null(counts.recall())},
          {"recall_interval", as_json(wilson_interval(counts.true_positives, positives))},
          {"f1", or_null(counts.f1())},
          {"false_positive_rate", or_null(counts.false_positive_rate())},
          {"accuracy", or_null(counts.accuracy())},
          {"true_positives", counts.true_positives},
          {"false_positives", counts.false_positives},
          {"false_negatives", counts.false_negatives},
          {"true_negatives", counts.true_negatives}};
}

OrderedJson as_json(const Calibration& calibration) {
  OrderedJson json = {{"log_loss", calibration.log_loss},
                      {"calibration_error", calibration.error},
                      {"bins", OrderedJson::array()}};
  for (const auto& bin : calibration.bins) {
    const bool empty = bin.rows == 0;
    json["bins"].push_back({{"from", bin.low},
                            {"to", bin.high},
                            {"rows", bin.rows},
                            {"confidence", empty ? OrderedJson() : OrderedJson(bin.confidence)},
                            {"accuracy", empty ? OrderedJson() : OrderedJson(bin.accuracy())}});
  }
  return json;
}

OrderedJson as_json(const ThresholdChoice& choice) {
  return {{"value", choice.threshold},
          {"target_precision", choice.target_precision},
          {"reached", choice.reached},
          {"validation_precision", choice.precision},
          {"validation_recall", choice.recall}};
}

OrderedJson as_json(const std::vector<CurvePoint>& curve) {
  auto json = OrderedJson::array();
  for (const auto& point : curve) json.push_back({point.x, point.y, point.threshold});
  return json;
}

/// The result of to_json(ClassificationMetrics), and the metrics that need probabilities.
OrderedJson metrics_json(const ClassifierReport& report, const ClassifierMetrics& metrics) {
  OrderedJson json = to_json(metrics.classification);
  json["roc_auc"] = or_null(report.roc_auc(metrics));
  json["average_precision"] = or_null(report.average_precision(metrics));
  json["log_loss"] = metrics.calibration.log_loss;
  json["calibration_error"] = metrics.calibration.error;
  for (size_t c = 0; c < report.labels.size(); ++c) {
    auto& one = json["classes"][report.labels[c]];
    one["roc_auc"] = or_null(metrics.classes[c].roc_auc);
    one["average_precision"] = or_null(metrics.classes[c].average_precision);
  }
  if (metrics.at_threshold) json["at_threshold"] = as_json(*metrics.at_threshold);
  return json;
}

OrderedJson as_json(const Overlap& overlap) {
  const auto& rest = overlap.accuracy_on_rest;
  return {{"verbatim", overlap.verbatim},
          {"same_words", overlap.same_words},
          {"other_label", overlap.other_label},
          {"rows_not_in_train", rest.whole},
          {"accuracy_not_in_train", or_null(rest.value())},
          {"accuracy_not_in_train_interval", as_json(rest.interval())}};
}

OrderedJson mistakes_json(const ClassifierReport& report, const SplitReport& split) {
  const auto label = [&](int64_t c) { return report.labels[static_cast<size_t>(c)]; };
  auto json = OrderedJson::array();
  for (const auto& mistake : split.mistakes) {
    json.push_back({{"row", mistake.row},
                    {"truth", label(mistake.truth)},
                    {"predicted", label(mistake.predicted)},
                    {"probability", mistake.probability},
                    {"in_train", mistake.in_train},
                    {"text_bytes", mistake.text_bytes},
                    {"text", mistake.text}});
  }
  return json;
}

OrderedJson curves_json(const ClassifierReport& report, const ClassifierMetrics& metrics) {
  OrderedJson json = OrderedJson::object();
  for (size_t c = 0; c < report.labels.size(); ++c) {
    // With two classes, each curve is the mirror image of the other.
    if (report.labels.size() == 2 && !report.is_positive(static_cast<int64_t>(c))) continue;
    json[report.labels[c]] = {{"roc", as_json(metrics.classes[c].roc)},
                              {"precision_recall", as_json(metrics.classes[c].precision_recall)}};
  }
  return json;
}

OrderedJson split_json(const ClassifierReport& report, const SplitReport& split) {
  OrderedJson json = metrics_json(report, split.metrics);
  json["reliability"] = as_json(split.metrics.calibration);
  json["calibrated"] = split.calibrated ? as_json(*split.calibrated) : OrderedJson();
  json["overlap_with_train"] = split.overlap ? as_json(*split.overlap) : OrderedJson();
  json["repeated_texts"] = split.repeated;
  json["truncated_texts"] = split.truncated;
  json["n_mistakes"] = split.n_mistake;
  json["mistakes"] = mistakes_json(report, split);
  json["curves"] = curves_json(report, split.metrics);
  return json;
}

OrderedJson baseline_json(const ClassifierReport& report, const BaselineReport& baseline) {
  OrderedJson json = {
      {"name", baseline.name},
      {"description", baseline.description},
      {"seconds", baseline.constant ? OrderedJson() : OrderedJson(baseline.seconds)},
      {"model_only_right", baseline.model_only_right},
      {"baseline_only_right", baseline.baseline_only_right},
      {"mcnemar_p", baseline.p_value}};
  json["threshold"] = baseline.threshold ? as_json(*baseline.threshold) : OrderedJson();
  for (const auto& split : report.splits) {
    const auto found = baseline.splits.find(split.name);
    if (found != baseline.splits.end()) json[split.name] = metrics_json(report, found->second);
  }
  return json;
}

OrderedJson training_json(const ClassifierReport& report) {
  OrderedJson json = {{"seconds", report.seconds},
                      {"parameters", report.parameters},
                      {"trained_parameters", report.trained_parameters},
                      {"max_tokens", report.max_tokens},
                      {"skipped_empty", report.skipped_empty},
                      {"settings", OrderedJson::object()}};
  for (const auto& [key, value] : report.settings) json["settings"][key] = value;
  return json;
}

}  // namespace

OrderedJson to_json(const ClassifierReport& report) {
  OrderedJson json;
  for (const auto& split : report.splits) json[split.name] = split_json(report, split);
  json["model"] = report.model_name;
  json["labels"] = report.labels;
  json["judged_by"] = report.main_split;
  json["positive"] = report.positive
                         ? OrderedJson(report.labels[static_cast<size_t>(*report.positive)])
                         : OrderedJson();
  json["verdict"] = OrderedJson::array();
  for (const auto& finding : report.verdict) {
    json["verdict"].push_back({{"kind", name_of(finding.kind)}, {"text", finding.text}});
  }
  json["threshold"] = report.threshold ? as_json(*report.threshold) : OrderedJson();
  json["temperature"] = OrderedJson();
  if (report.temperature) {
    json["temperature"] = {{"value", report.temperature->temperature},
                           {"at_limit", report.temperature->at_limit}};
  }
  json["baselines"] = OrderedJson::array();
  for (const auto& baseline : report.baselines) {
    json["baselines"].push_back(baseline_json(report, baseline));
  }
  json["training"] = training_json(report);
  return json;
}

}  // namespace gptkit
