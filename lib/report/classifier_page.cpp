#include "report/classifier_page.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "report/chart.h"
#include "report/classifier_sections.h"
#include "report/format.h"
#include "report/page_template.h"

namespace gptkit {

namespace {

constexpr size_t kNameCharacters = 60, kLabelsNamed = 8;

std::string count_or_nothing(int64_t n) { return n > 0 ? format_count(n) : ""; }

void set_head(PageValues& page, const ClassifierReport& report) {
  PageList labels;
  for (size_t c = 0; c < std::min(kLabelsNamed, report.labels.size()); ++c) {
    labels.push_back(
        {{"separator", c > 0 ? ", " : ""}, {"label", label_of(report, static_cast<int64_t>(c))}});
  }
  const auto left_out = std::ssize(report.labels) - std::ssize(labels);
  page.set("style", Html{concat(template_text("classifier_report.css"), kChartStyle)});
  page.set("model", visible_text(report.model_name, kNameCharacters));
  page.set("n_class", concat(report.labels.size()));
  page.set("label_list", labels);
  page.set("labels_left_out", count_or_nothing(left_out));
  page.set("parameters", count_or_nothing(report.parameters));
  page.set("trained_parameters", format_count(report.trained_parameters));
  page.set("time", report.seconds > 0 ? format_duration(report.seconds) : "");
  page.set("split", report.main_split);
  page.set("rows", format_count(report.main().metrics.classification.rows));
  page.set("held_out", report.main_split == "test");
  page.set("positive", report.positive ? label_of(report, *report.positive) : "");
}

void set_verdict(PageValues& page, const ClassifierReport& report) {
  PageList verdict;
  for (const auto& finding : report.verdict) {
    verdict.push_back({{"kind", name_of(finding.kind)}, {"text", finding.text}});
  }
  page.set("verdict", verdict);
}

void set_tiles(PageValues& page, const ClassifierReport& report) {
  const auto& metrics = report.main().metrics;
  page.set("accuracy", percent(metrics.classification.accuracy));
  page.set("interval", percent(metrics.classification.accuracy_interval));
  page.set("f1", decimal(report.f1(metrics)));
  page.set("roc_auc", decimal(report.roc_auc(metrics)));
  page.set("calibration_error", fixed(100 * metrics.calibration.error, 1));
  page.set("at_threshold", PageList{});
  if (!metrics.at_threshold) return;
  const auto& counts = *metrics.at_threshold;
  page.set("at_threshold",
           PageList{{{"precision", percent(counts.precision())},
                     {"recall", percent(counts.recall())},
                     {"true_positives", format_count(counts.true_positives)},
                     {"flagged", format_count(counts.true_positives + counts.false_positives)},
                     {"positives", format_count(counts.true_positives + counts.false_negatives)}}});
}

}  // namespace

std::string to_html(const ClassifierReport& report) {
  PageValues page;
  set_head(page, report);
  set_verdict(page, report);
  set_tiles(page, report);
  set_results(page, report);
  set_comparison(page, report);
  set_mistakes(page, report);
  set_threshold(page, report);
  set_calibration(page, report);
  set_confusion(page, report);
  set_classes(page, report);
  set_data(page, report);
  set_training(page, report);
  return render("classifier_report.html", page).markup;
}

}  // namespace gptkit
