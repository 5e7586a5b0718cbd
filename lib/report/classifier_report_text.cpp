// A classifier's report as text for a terminal.

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "report/classifier_report.h"
#include "report/format.h"

namespace gptkit {

namespace {

constexpr size_t kNameCharacters = 40, kTextCharacters = 160;
constexpr size_t kMostClasses = 30, kMostConfusionClasses = 12;

/// Rows of cells; the first column is left-aligned, the others right-aligned.
class TextTable {
 public:
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  std::string text() const {
    std::vector<size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()), 0);
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
    }
    std::string out;
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) {
        out += i == 0 ? left_in(row[i], widths[0]) : "  " + right_in(row[i], widths[i]);
      }
      out.erase(out.find_last_not_of(' ') + 1);
      out += '\n';
    }
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string label_text(const ClassifierReport& report, size_t c) {
  return visible_text(report.labels[c], kNameCharacters);
}

std::string verdict_text(const ClassifierReport& report) {
  std::string text;
  for (const auto& finding : report.verdict) {
    text += concat(finding.kind == Finding::Kind::kDoubt ? "! " : "  ", finding.text, "\n");
  }
  return text;
}

std::string splits_text(const ClassifierReport& report) {
  const bool positive = report.positive.has_value();
  TextTable table;
  table.add({"split", "rows", "accuracy", "95 % interval", positive ? "F1" : "macro F1", "ROC-AUC",
             "avg. prec.", "log loss", "calib. error"});
  for (const auto& split : report.splits) {
    const auto& f = split.metrics;
    table.add({split.name, format_count(f.classification.rows), percent(f.classification.accuracy),
               percent(f.classification.accuracy_interval), decimal(report.f1(f)),
               decimal(report.roc_auc(f)), decimal(report.average_precision(f)),
               fixed(f.calibration.log_loss, 4), fixed(f.calibration.error, 4)});
  }
  return table.text();
}

std::string classes_text(const ClassifierReport& report) {
  const auto& metrics = report.main().metrics;
  TextTable table;
  table.add({report.main_split + " class", "rows", "precision", "recall", "F1", "ROC-AUC"});
  for (size_t c = 0; c < std::min(kMostClasses, report.labels.size()); ++c) {
    const auto& one = metrics.classification.classes[c];
    table.add({label_text(report, c), format_count(one.support),
               decimal_of(one.precision, one.predicted), decimal_of(one.recall, one.support),
               decimal_of(one.f1, one.support + one.predicted),
               decimal(metrics.classes[c].roc_auc)});
  }
  if (report.labels.size() > kMostClasses) {
    table.add({concat("... and ", report.labels.size() - kMostClasses, " more")});
  }
  table.add({"macro mean", "", decimal(metrics.classification.macro_precision),
             decimal(metrics.classification.macro_recall), decimal(metrics.classification.macro_f1),
             decimal(metrics.roc_auc)});
  return table.text();
}

std::string confusion_text(const ClassifierReport& report) {
  const size_t n = report.labels.size();
  if (n > kMostConfusionClasses) return "";
  TextTable table;
  std::vector<std::string> head = {"truth \\ predicted"};
  for (size_t c = 0; c < n; ++c) head.push_back(label_text(report, c));
  table.add(head);
  for (size_t truth = 0; truth < n; ++truth) {
    std::vector<std::string> row = {label_text(report, truth)};
    for (const int64_t count : report.main().metrics.classification.confusion[truth]) {
      row.push_back(format_count(count));
    }
    table.add(row);
  }
  return "\n" + table.text();
}

std::string threshold_text(const ClassifierReport& report) {
  if (!report.threshold) return "";
  TextTable table;
  table.add({concat("at ", decimal(report.threshold->threshold)), "precision", "recall", "F1",
             "false positives", "false negatives"});
  for (const auto& split : report.splits) {
    const auto& counts = *split.metrics.at_threshold;
    table.add({split.name, percent(counts.precision()), percent(counts.recall()),
               decimal(counts.f1()), format_count(counts.false_positives),
               format_count(counts.false_negatives)});
  }
  return concat("\nthreshold for '", label_text(report, static_cast<size_t>(*report.positive)),
                "', chosen on validation\n", table.text());
}

std::string baselines_text(const ClassifierReport& report) {
  if (report.baselines.empty()) return "";
  TextTable table;
  table.add({"on " + report.main_split, "accuracy", "95 % interval", "F1", "ROC-AUC", "time",
             "only it / only the model correct", "McNemar"});
  const auto row = [&](const std::string& name, const ClassifierMetrics& metrics,
                       const std::string& time, const std::string& only, const std::string& p) {
    table.add({name, percent(metrics.classification.accuracy),
               percent(metrics.classification.accuracy_interval), decimal(report.f1(metrics)),
               decimal(report.roc_auc(metrics)), time, only, p});
  };
  row(visible_text(report.model_name, kNameCharacters), report.main().metrics,
      format_duration(report.seconds), "", "");
  for (const auto& baseline : report.baselines) {
    row(visible_text(baseline.name, kNameCharacters), baseline.splits.at(report.main_split),
        baseline.constant ? "" : format_duration(baseline.seconds),
        concat(baseline.baseline_only_right, " / ", baseline.model_only_right),
        p_value_text(baseline.p_value));
  }
  return "\n" + table.text();
}

std::string mistakes_text(const ClassifierReport& report) {
  const auto& split = report.main();
  if (split.mistakes.empty()) return "";
  std::string text =
      concat("\nmost confident of ", split.n_mistake, " mistakes on ", split.name, "\n");
  for (const auto& mistake : split.mistakes) {
    text += concat(
        "  row ", mistake.row, ": label ", label_text(report, static_cast<size_t>(mistake.truth)),
        ", predicted ", label_text(report, static_cast<size_t>(mistake.predicted)), " (",
        decimal(mistake.probability), "): ", visible_text(mistake.text, kTextCharacters), "\n");
  }
  return text;
}

}  // namespace

std::string to_text(const ClassifierReport& report) {
  return verdict_text(report) + "\n" + splits_text(report) + "\n" + classes_text(report) +
         confusion_text(report) + threshold_text(report) + baselines_text(report) +
         mistakes_text(report);
}

}  // namespace gptkit
