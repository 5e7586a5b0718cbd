#include "report/classifier_sections.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "report/classifier_charts.h"
#include "report/format.h"

namespace gptkit {

namespace {

constexpr size_t kMatrixClasses = 15, kTableClasses = 100, kDataClasses = 8, kConfusions = 20;
constexpr size_t kNameCharacters = 60, kHeadCharacters = 24, kTextCharacters = 600,
                 kSettingCharacters = 300;

std::string points(double share) { return fixed(100 * share, 2); }

std::string share_of(int64_t part, int64_t whole) { return percent(Share{part, whole}.value()); }
std::string interval_of(int64_t part, int64_t whole) {
  return whole > 0 ? percent(wilson_interval(part, whole)) : "no rows";
}

/// The values shared by a row of the results and a row of the comparison.
PageValues metrics_row(const ClassifierReport& report, const std::string& name,
                       const ClassifierMetrics& metrics) {
  return {{"name", name},
          {"accuracy", percent(metrics.classification.accuracy)},
          {"interval", percent(metrics.classification.accuracy_interval)},
          {"f1", decimal(report.f1(metrics))},
          {"roc_auc", decimal(report.roc_auc(metrics))},
          {"average_precision", decimal(report.average_precision(metrics))},
          {"log_loss", fixed(metrics.calibration.log_loss, 4)}};
}

PageValues method_row(const ClassifierReport& report, const std::string& name,
                      const ClassifierMetrics& metrics,
                      const std::optional<ThresholdChoice>& threshold) {
  auto row = metrics_row(report, name, metrics);
  const auto& counts = metrics.at_threshold;
  row.set("precision", counts ? percent(counts->precision()) : "");
  row.set("recall", counts ? percent(counts->recall()) : "");
  row.set("not_reached", threshold && !threshold->reached);
  return row;
}

struct Confusion {
  int64_t count, truth, predicted;
};

std::vector<Confusion> most_frequent_confusions(const ClassificationMetrics& metrics) {
  std::vector<Confusion> all;
  for (size_t truth = 0; truth < metrics.confusion.size(); ++truth) {
    for (size_t predicted = 0; predicted < metrics.confusion.size(); ++predicted) {
      const int64_t count = metrics.confusion[truth][predicted];
      if (truth == predicted || count == 0) continue;
      all.push_back({count, static_cast<int64_t>(truth), static_cast<int64_t>(predicted)});
    }
  }
  std::ranges::stable_sort(all, std::greater{}, &Confusion::count);
  all.resize(std::min(all.size(), kConfusions));
  return all;
}

PageList confusion_pairs(const ClassifierReport& report, const SplitReport& split) {
  PageList pairs;
  for (const auto& pair : most_frequent_confusions(split.metrics.classification)) {
    pairs.push_back({{"truth", label_of(report, pair.truth)},
                     {"predicted", label_of(report, pair.predicted)},
                     {"count", format_count(pair.count)}});
  }
  return pairs;
}

/// The count, with a tint in proportion to its share of the row.
PageValues matrix_cell(int64_t count, int64_t support, bool right) {
  const double share = Share{count, support}.value().value_or(0);
  return {{"kind", right ? "right" : "wrong"},
          {"share", fixed(0.5 * share, 3)},
          {"count", format_count(count)},
          {"percent", support > 0 ? percent(share) : ""}};
}

PageList matrix_rows(const ClassifierReport& report, const SplitReport& split) {
  const auto& metrics = split.metrics.classification;
  PageList rows;
  for (size_t truth = 0; truth < report.labels.size(); ++truth) {
    PageList cells;
    for (size_t predicted = 0; predicted < report.labels.size(); ++predicted) {
      cells.push_back(matrix_cell(metrics.confusion[truth][predicted],
                                  metrics.classes[truth].support, truth == predicted));
    }
    rows.push_back({{"label", label_of(report, static_cast<int64_t>(truth))}, {"cells", cells}});
  }
  return rows;
}

PageList labels_of(const ClassifierReport& report, size_t n, size_t characters) {
  PageList labels;
  for (size_t c = 0; c < std::min(n, report.labels.size()); ++c) {
    labels.push_back({{"label", label_of(report, static_cast<int64_t>(c), characters)}});
  }
  return labels;
}

PageValues mistake_item(const ClassifierReport& report, const Mistake& mistake) {
  auto text = visible_text(mistake.text, kTextCharacters);
  const bool longer = mistake.text_bytes > static_cast<int64_t>(mistake.text.size());
  if (longer && !text.ends_with("\u2026")) text += "\u2026";
  return {{"truth", label_of(report, mistake.truth)},
          {"predicted", label_of(report, mistake.predicted)},
          {"probability", percent(mistake.probability)},
          {"row", concat(mistake.row)},
          {"in_train", mistake.in_train},
          {"cut", text.ends_with("\u2026") ? format_count(mistake.text_bytes) : ""},
          {"text", text}};
}

PageValues mistakes_of(const ClassifierReport& report, const SplitReport& split) {
  PageList items;
  for (const auto& mistake : split.mistakes) items.push_back(mistake_item(report, mistake));
  const auto shown = std::ssize(items);
  const auto which = split.n_mistake == 0       ? "none"
                     : shown == 0               ? "not listed"
                     : shown == split.n_mistake ? "all " + format_count(shown)
                                                : concat("the ", shown, " most confident of ",
                                                         format_count(split.n_mistake));
  return {{"name", split.name},  {"details", split.name != report.main_split},
          {"which", which},      {"errors", format_count(split.n_mistake)},
          {"listed", shown > 0}, {"items", items}};
}

PageValues threshold_counts(const SplitReport& split) {
  const auto& c = *split.metrics.at_threshold;
  const int64_t positives = c.true_positives + c.false_negatives;
  const int64_t flagged = c.true_positives + c.false_positives;
  const int64_t negatives = c.false_positives + c.true_negatives;
  return {{"name", split.name},
          {"precision", share_of(c.true_positives, flagged)},
          {"precision_interval", interval_of(c.true_positives, flagged)},
          {"recall", share_of(c.true_positives, positives)},
          {"recall_interval", interval_of(c.true_positives, positives)},
          {"f1", decimal(c.f1())},
          {"true_positives", format_count(c.true_positives)},
          {"false_positives", format_count(c.false_positives)},
          {"false_negatives", format_count(c.false_negatives)},
          {"false_positive_rate", share_of(c.false_positives, negatives)},
          {"false_positive_rate_interval", interval_of(c.false_positives, negatives)},
          {"share", share_of(positives, c.rows())}};
}

PageValues data_row(const ClassifierReport& report, const SplitReport& split) {
  const auto& metrics = split.metrics.classification;
  PageList shares;
  for (size_t c = 0; c < std::min(kDataClasses, report.labels.size()); ++c) {
    const auto support = metrics.classes[c].support;
    shares.push_back(
        {{"count", format_count(support)}, {"percent", share_of(support, metrics.rows)}});
  }
  const auto overlap = split.overlap.value_or(Overlap{});
  const auto& rest = overlap.accuracy_on_rest;
  return {{"name", split.name},
          {"rows", format_count(metrics.rows)},
          {"cut", format_count(split.truncated)},
          {"repeated", format_count(split.repeated)},
          {"overlap", split.overlap.has_value()},
          {"verbatim", format_count(overlap.verbatim)},
          {"same_words", format_count(overlap.same_words)},
          {"rest", share_of(rest.part, rest.whole)},
          {"rest_interval", interval_of(rest.part, rest.whole)},
          {"shares", shares}};
}

std::string meaning_of_temperature(double temperature) {
  if (temperature > 1.05) return "the classifier is overconfident.";
  if (temperature < 0.95) return "the classifier is underconfident.";
  return "the classifier is well calibrated.";
}

}  // namespace

std::string label_of(const ClassifierReport& report, int64_t label, size_t most) {
  return visible_text(report.labels[static_cast<size_t>(label)], most);
}

void set_results(PageValues& page, const ClassifierReport& report) {
  PageList splits;
  for (const auto& split : report.splits) {
    auto row = metrics_row(report, split.name, split.metrics);
    row.set("rows", format_count(split.metrics.classification.rows));
    row.set("calibration_error", points(split.metrics.calibration.error));
    row.set("errors", format_count(split.n_mistake));
    splits.push_back(row);
  }
  page.set("splits", splits);
}

void set_comparison(PageValues& page, const ClassifierReport& report) {
  page.set("comparison", PageList{});
  if (report.baselines.empty()) return;
  PageList methods;
  auto own = method_row(report, visible_text(report.model_name, kNameCharacters),
                        report.main().metrics, report.threshold);
  own.set("description", "");
  own.set("time", report.seconds > 0 ? format_duration(report.seconds) : "");
  own.set("only_one", "");
  own.set("p_value", "");
  methods.push_back(own);
  for (const auto& baseline : report.baselines) {
    auto row = method_row(report, visible_text(baseline.name, kNameCharacters),
                          baseline.splits.at(report.main_split), baseline.threshold);
    row.set("description", visible_text(baseline.description, kSettingCharacters));
    row.set("time", baseline.constant ? "" : format_duration(baseline.seconds));
    row.set("only_one", concat(format_count(baseline.baseline_only_right), " / ",
                               format_count(baseline.model_only_right)));
    row.set("p_value", p_value_text(baseline.p_value));
    methods.push_back(row);
  }
  page.set("comparison", PageList{{{"with_threshold", report.threshold.has_value()},
                                   {"target_precision", short_percent(report.target_precision)},
                                   {"methods", methods}}});
}

void set_mistakes(PageValues& page, const ClassifierReport& report) {
  PageList mistakes = {mistakes_of(report, report.main())};
  for (const auto& split : report.splits) {
    if (split.name != report.main_split) mistakes.push_back(mistakes_of(report, split));
  }
  page.set("mistakes", mistakes);
}

void set_threshold(PageValues& page, const ClassifierReport& report) {
  page.set("ranking_charts", ranking_charts(report));
  page.set("threshold", PageList{});
  if (!report.threshold) return;
  PageList counts;
  for (const auto& split : report.splits) counts.push_back(threshold_counts(split));
  page.set("threshold",
           PageList{{{"value", decimal(report.threshold->threshold)},
                     {"reached", report.threshold->reached},
                     {"target_precision", short_percent(report.threshold->target_precision)},
                     {"counts", counts}}});
}

void set_calibration(PageValues& page, const ClassifierReport& report) {
  PageList rows;
  for (const auto& split : report.splits) {
    const auto& before = split.metrics.calibration;
    const auto after = split.calibrated.value_or(Calibration{});
    rows.push_back({{"name", split.name},
                    {"error", points(before.error)},
                    {"log_loss", fixed(before.log_loss, 4)},
                    {"calibrated", split.calibrated.has_value()},
                    {"error_after", points(after.error)},
                    {"log_loss_after", fixed(after.log_loss, 4)}});
  }
  page.set("calibrations", rows);
  page.set("reliability_charts", reliability_charts(report));
  page.set("no_temperature",
           report.temperature ? "No temperature is fitted: the best one for the validation rows is "
                                "out of bounds. This happens when nearly all of them are correct."
                              : "There are no validation rows to fit a temperature on.");
  page.set("temperature", PageList{});
  if (!report.temperature || report.temperature->at_limit) return;
  const double temperature = report.temperature->temperature;
  page.set("temperature", PageList{{{"value", fixed(temperature, 3)},
                                    {"meaning", meaning_of_temperature(temperature)}}});
}

void set_confusion(PageValues& page, const ClassifierReport& report) {
  const bool matrix = report.labels.size() <= kMatrixClasses;
  PageList splits;
  for (const auto& split : report.splits) {
    PageValues values = {{"name", split.name}};
    if (matrix) {
      values.set("columns", labels_of(report, kMatrixClasses, kHeadCharacters));
      values.set("matrix_rows", matrix_rows(report, split));
    } else {
      values.set("pairs", confusion_pairs(report, split));
    }
    splits.push_back(values);
  }
  page.set("matrices", PageList{});
  page.set("confusions", PageList{});
  PageValues all = {{"of_splits", splits}};
  // Side by side while they are small.
  if (matrix) all.set("layout", report.labels.size() <= 3 ? "side" : "stack");
  page.set(matrix ? "matrices" : "confusions", PageList{all});
}

void set_classes(PageValues& page, const ClassifierReport& report) {
  const auto& metrics = report.main().metrics;
  const auto& all = metrics.classification;
  const size_t shown = std::min(kTableClasses, report.labels.size());
  PageList classes;
  for (size_t c = 0; c < shown; ++c) {
    const auto& one = all.classes[c];
    classes.push_back({{"label", label_of(report, static_cast<int64_t>(c))},
                       {"rows", format_count(one.support)},
                       {"precision", decimal_of(one.precision, one.predicted)},
                       {"recall", decimal_of(one.recall, one.support)},
                       {"f1", decimal_of(one.f1, one.support + one.predicted)},
                       {"roc_auc", decimal(metrics.classes[c].roc_auc)},
                       {"average_precision", decimal(metrics.classes[c].average_precision)}});
  }
  classes.push_back({{"label", "macro mean"},
                     {"rows", format_count(all.rows)},
                     {"precision", decimal(all.macro_precision)},
                     {"recall", decimal(all.macro_recall)},
                     {"f1", decimal(all.macro_f1)},
                     {"roc_auc", decimal(metrics.roc_auc)},
                     {"average_precision", decimal(metrics.average_precision)}});
  page.set("classes", classes);
  const auto left_out = report.labels.size() - shown;
  page.set("classes_left_out", left_out > 0 ? concat(left_out) : "");
}

void set_data(PageValues& page, const ClassifierReport& report) {
  PageList rows;
  for (const auto& split : report.splits) rows.push_back(data_row(report, split));
  page.set("data", rows);
  page.set("data_labels", labels_of(report, kDataClasses, kNameCharacters));
  page.set("max_tokens", report.max_tokens > 0 ? format_count(report.max_tokens) : "");
  page.set("skipped_empty", format_count(report.skipped_empty));
}

void set_training(PageValues& page, const ClassifierReport& report) {
  PageList settings;
  for (const auto& [key, value] : report.settings) {
    settings.push_back({{"key", visible_text(key, kNameCharacters)},
                        {"value", visible_text(value, kSettingCharacters)}});
  }
  const auto charts = training_charts(report);
  page.set("training", !charts.markup.empty() || !settings.empty());
  page.set("training_charts", charts);
  page.set("with_settings", !settings.empty());
  page.set("settings", settings);
}

}  // namespace gptkit
