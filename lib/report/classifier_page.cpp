#include "report/classifier_page.h"

#include "base/error.h"
#include "base/html_escape.h"
#include "base/strings.h"
#include "report/chart.h"
#include "report/classifier_sections.h"
#include "report/format.h"
#include "report/html_table.h"
#include "report/style.h"

namespace gptkit {

namespace {

constexpr size_t kNameCharacters = 60;

std::string label_of(const ClassifierReport& report, int64_t c) {
  return html_name(report.labels[static_cast<size_t>(c)]);
}

std::string verdict_html(const ClassifierReport& report) {
  std::string html = "<ul class=\"verdict\">\n";
  for (const auto& finding : report.verdict) {
    const char* css = finding.kind == Finding::Kind::kGood    ? "good"
                      : finding.kind == Finding::Kind::kDoubt ? "doubt"
                                                              : "fact";
    html += concat("<li class=\"", css, "\">", html_escape(finding.text), "</li>\n");
  }
  return html + "</ul>\n";
}

std::string tile(const std::string& name, const std::string& value, const std::string& more) {
  return concat("<div><dt>", name, "</dt><dd>", value, "<small>", more, "</small></dd></div>\n");
}

std::string threshold_tiles(const ClassifierReport& report) {
  const auto& counts = report.main().metrics.at_threshold;
  if (!counts) return "";
  const int64_t called = counts->true_positives + counts->false_positives;
  const int64_t all = counts->true_positives + counts->false_negatives;
  return tile("precision at the threshold", percent(counts->precision()),
              concat(format_count(counts->true_positives), " of ", format_count(called),
                     " flagged")) +
         tile("recall at the threshold", percent(counts->recall()),
              concat(format_count(counts->true_positives), " of ", format_count(all), " found"));
}

std::string tiles_html(const ClassifierReport& report) {
  const auto& metrics = report.main().metrics;
  const auto of = report.positive ? "F1 of " + label_of(report, *report.positive) : "macro F1";
  return concat("<dl class=\"tiles\">\n",
                tile("accuracy on " + report.main_split, percent(metrics.classification.accuracy),
                     "95 %: " + percent(metrics.classification.accuracy_interval)),
                tile(of, decimal(report.f1(metrics)), "precision and recall in one"),
                tile("ROC-AUC", decimal(report.roc_auc(metrics)), "1 is perfect, 0.5 is chance"),
                threshold_tiles(report),
                tile("calibration error", fixed(100 * metrics.calibration.error, 1) + " points",
                     "between confidence and truth"),
                "</dl>\n");
}

std::string lead_html(const ClassifierReport& report) {
  std::string parameters;
  if (report.parameters > 0) {
    parameters = concat(" of ", format_count(report.parameters), " parameters, ",
                        format_count(report.trained_parameters), " of them trained,");
  }
  const auto time = report.seconds > 0 ? " in " + duration_text(report.seconds) : std::string();
  std::string labels;
  for (size_t c = 0; c < report.labels.size() && c < 8; ++c) {
    labels += concat(c > 0 ? ", " : "", html_name(report.labels[c]));
  }
  if (report.labels.size() > 8) labels += concat(" and ", report.labels.size() - 8, " more");
  return concat("<p class=\"soft\">", html_name(report.model_name), parameters, " finetuned", time,
                " to sort texts into ", report.labels.size(), " classes: ", labels,
                ". Judged by the ", report.main_split,
                " split: ", format_count(report.main().metrics.classification.rows), " rows",
                report.main_split == "test" ? " held out from training and from every choice" : "",
                ".</p>\n");
}

constexpr const char* kTerms = R"(<h2>What the metrics mean</h2>
<dl class="terms">
<dt>95 % interval</dt><dd>What the share could be on other texts of the same kind, given how few
rows were counted (Wilson). It says nothing about texts of another kind, nor about how much a
training with another seed would differ.</dd>
<dt>Precision, recall, F1</dt><dd>Of the texts called so, how many are; of those that are, how
many were called so; the harmonic mean of the two. Macro: the mean over classes, each counting the
same.</dd>
<dt>ROC-AUC</dt><dd>The chance that a text of the class gets a higher probability for it than one
of another class; ties count half.</dd>
<dt>Average precision</dt><dd>The mean precision over all recalls, without interpolation. Chance
gives the share of the class.</dd>
<dt>Log loss</dt><dd>The mean of -log of the probability that the true class was given: lower is
better, and a sure mistake costs most.</dd>
<dt>Calibration error</dt><dd>Rows are sorted by how sure the classifier is into 15 bins of equal
width; the mean gap between its confidence and its accuracy, weighted by rows (ECE).</dd>
<dt>Temperature</dt><dd>One number that the logits are divided by (arXiv:1706.04599). Above 1
makes the classifier less sure of itself; it never changes which class is predicted. All other
metrics here are of the probabilities as the classifier gives them.</dd>
<dt>McNemar's exact test</dt><dd>Compares two classifiers on the same texts by those that only one
of them has right. p is how often chance alone would make a difference as large between equally
good ones; below 0.05 counts as a difference here. Each p is of one comparison, not corrected for
their number.</dd>
</dl>
)";

}  // namespace

std::string to_html(const ClassifierReport& report) {
  const auto title = "Can " + visible_text(report.model_name, kNameCharacters) + " be trusted?";
  return concat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n<title>",
      html_escape(title), "</title>\n<style>", kReportStyle, kChartStyle,
      "</style>\n</head>\n<body>\n<h1>", html_escape(title), "</h1>\n", lead_html(report),
      verdict_html(report), tiles_html(report), splits_section(report), baselines_section(report),
      mistakes_section(report), threshold_section(report), calibration_section(report),
      confusion_section(report), classes_section(report), data_section(report),
      training_section(report), kTerms, "</body>\n</html>\n");
}

}  // namespace gptkit
