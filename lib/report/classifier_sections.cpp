#include "report/classifier_sections.h"

#include <algorithm>

#include "base/error.h"
#include "base/html_escape.h"
#include "base/strings.h"
#include "report/classifier_charts.h"
#include "report/format.h"
#include "report/html_table.h"

namespace gptkit {

namespace {

constexpr size_t kMatrixClasses = 15, kTableClasses = 100, kConfusions = 20, kHeadCharacters = 24;
constexpr size_t kTextCharacters = 600, kSettingCharacters = 300;

std::string heading(const std::string& text) { return concat("<h2>", text, "</h2>\n"); }
std::string note(const std::string& html) { return concat("<p class=\"note\">", html, "</p>\n"); }
std::string small(const std::string& html) { return concat("<small>", html, "</small>"); }

std::string label_of(const ClassifierReport& report, int64_t c) {
  return html_name(report.labels[static_cast<size_t>(c)]);
}
std::string positive_name(const ClassifierReport& report) {
  return label_of(report, *report.positive);
}
size_t classes_shown(const ClassifierReport& report) {
  return std::min(kTableClasses, report.labels.size());
}
/// A row that says how many classes a table leaves out.
std::string left_out(const ClassifierReport& report) {
  const size_t shown = classes_shown(report);
  if (shown == report.labels.size()) return "";
  return note(concat("And ", report.labels.size() - shown, " classes more."));
}

std::string share_of(int64_t part, int64_t whole) {
  const auto value = Share{part, whole}.value();
  return percent(value) + small(value ? percent(wilson_interval(part, whole)) : "no rows");
}

std::string with_interval(const ClassificationMetrics& r) {
  return percent(r.accuracy) + small(percent(r.accuracy_interval));
}

/// What F1, AUC and average precision are of.
std::string of_what(const ClassifierReport& report) {
  return report.positive ? small("of " + positive_name(report)) : small("mean of classes");
}

std::vector<std::string> baseline_cells(const ClassifierReport& report, const std::string& name,
                                        const ClassifierMetrics& metrics,
                                        const std::optional<ThresholdChoice>& threshold) {
  std::vector<std::string> cells = {name,
                                    with_interval(metrics.classification),
                                    decimal(report.f1(metrics)),
                                    decimal(report.roc_auc(metrics)),
                                    decimal(report.average_precision(metrics)),
                                    fixed(metrics.calibration.log_loss, 4)};
  if (report.threshold) {
    const auto& counts = metrics.at_threshold;
    cells.push_back(!counts ? ""
                            : percent(counts->precision()) +
                                  (threshold->reached ? "" : small("none as precise")));
    cells.push_back(counts ? percent(counts->recall()) : "");
  }
  return cells;
}

struct Confusion {
  int64_t count, truth, predicted;
};

std::vector<Confusion> most_frequent_confusions(const ClassificationMetrics& report) {
  std::vector<Confusion> all;
  for (size_t truth = 0; truth < report.confusion.size(); ++truth) {
    for (size_t predicted = 0; predicted < report.confusion.size(); ++predicted) {
      const int64_t count = report.confusion[truth][predicted];
      if (truth == predicted || count == 0) continue;
      all.push_back({count, static_cast<int64_t>(truth), static_cast<int64_t>(predicted)});
    }
  }
  std::ranges::stable_sort(all, std::greater{}, &Confusion::count);
  all.resize(std::min(all.size(), kConfusions));
  return all;
}

std::string confusion_list(const ClassifierReport& report, const SplitReport& split) {
  HtmlTable table({"truth", "called", "rows"});
  for (const auto& confusion : most_frequent_confusions(split.metrics.classification)) {
    table.add({label_of(report, confusion.truth), label_of(report, confusion.predicted),
               format_count(confusion.count)});
  }
  return table.html();
}

/// The count on a tint as deep as its share of the row.
std::string matrix_cell(int64_t count, int64_t support, bool right) {
  const double share = Share{count, support}.value().value_or(0);
  return concat("<span style=\"display:block;margin:-5px -10px;padding:5px 10px;background:rgba(",
                right ? "31,138,95," : "214,69,65,", fixed(0.5 * share, 3), ")\">",
                format_count(count), small(support > 0 ? percent(share) : ""), "</span>");
}

std::string confusion_matrix(const ClassifierReport& report, const SplitReport& split) {
  const auto& r = split.metrics.classification;
  const auto n = static_cast<int64_t>(report.labels.size());
  std::vector<std::string> head = {"truth \\ called"};
  for (const auto& label : report.labels) head.push_back(html_name(label, kHeadCharacters));
  HtmlTable table(head, "matrix");
  for (int64_t truth = 0; truth < n; ++truth) {
    std::vector<std::string> cells = {label_of(report, truth)};
    for (int64_t predicted = 0; predicted < n; ++predicted) {
      cells.push_back(
          matrix_cell(r.confusion[static_cast<size_t>(truth)][static_cast<size_t>(predicted)],
                      r.classes[static_cast<size_t>(truth)].support, truth == predicted));
    }
    table.add(cells);
  }
  return table.html();
}

std::string mistake_html(const ClassifierReport& report, const Mistake& mistake) {
  const auto shown = visible_text(mistake.text, kTextCharacters);
  const bool cut = mistake.text_bytes > static_cast<int64_t>(mistake.text.size());
  return concat("<li><p>", label_of(report, mistake.truth), " called <b>",
                label_of(report, mistake.predicted), "</b>, ", percent(mistake.probability),
                " sure <span class=\"soft\">&middot; row ", mistake.row,
                mistake.in_train ? " &middot; also a training text" : "",
                cut || shown.ends_with("\u2026")
                    ? concat(" &middot; ", format_count(mistake.text_bytes), " bytes, cut here")
                    : "",
                "</span></p><p class=\"text\" dir=\"auto\">", html_escape(shown),
                cut && !shown.ends_with("\u2026") ? "\u2026" : "", "</p></li>\n");
}

std::string split_mistakes(const ClassifierReport& report, const SplitReport& split) {
  if (split.mistakes.empty()) {
    return concat("<h3>", split.name, ": ", split.n_mistake == 0 ? "none" : "not listed",
                  "</h3>\n");
  }
  const auto shown = static_cast<int64_t>(split.mistakes.size());
  std::string html = concat("<h3>", split.name, ": ",
                            shown == split.n_mistake ? "all " + format_count(shown)
                                                     : concat("the ", shown, " surest of ",
                                                              format_count(split.n_mistake)),
                            "</h3>\n<ol class=\"mistakes\">\n");
  for (const auto& mistake : split.mistakes) html += mistake_html(report, mistake);
  return html + "</ol>\n";
}

std::string overlap_cells(const SplitReport& split) {
  if (!split.overlap) return "&ndash;";
  return format_count(split.overlap->verbatim) +
         small(format_count(split.overlap->same_words) + " by words");
}

}  // namespace

std::string splits_section(const ClassifierReport& report) {
  HtmlTable table({"split", "rows", "accuracy" + small("95 % interval"), "F1" + of_what(report),
                   "ROC-AUC" + of_what(report), "average precision" + of_what(report), "log loss",
                   "calibration error", "wrong"});
  for (const auto& split : report.splits) {
    const auto& f = split.metrics;
    table.add({split.name, format_count(f.classification.rows), with_interval(f.classification),
               decimal(report.f1(f)), decimal(report.roc_auc(f)),
               decimal(report.average_precision(f)), fixed(f.calibration.log_loss, 4),
               fixed(100 * f.calibration.error, 2) + " points", format_count(split.n_mistake)});
  }
  return heading("How good it is") + table.html() +
         note("The class called is the one with the greatest probability.");
}

std::string baselines_section(const ClassifierReport& report) {
  if (report.baselines.empty()) return "";
  std::vector<std::string> head = {"on the same " + report.main_split + " texts",
                                   "accuracy" + small("95 % interval"),
                                   "F1" + of_what(report),
                                   "ROC-AUC",
                                   "average precision",
                                   "log loss"};
  if (report.threshold) {
    head.push_back("precision" + small("at its threshold"));
    head.push_back("recall" + small("at its threshold"));
  }
  head.insert(head.end(), {"time", "only one right" + small("it / the model"), "McNemar"});
  HtmlTable table(head, "wide");
  auto own = baseline_cells(report, "<b>" + html_name(report.model_name) + "</b>",
                            report.main().metrics, report.threshold);
  own.insert(own.end(), {report.seconds > 0 ? duration_text(report.seconds) : "", "", ""});
  table.add(own);
  for (const auto& baseline : report.baselines) {
    auto cells = baseline_cells(
        report,
        html_name(baseline.name) + small(html_name(baseline.description, kSettingCharacters)),
        baseline.splits.at(report.main_split), baseline.threshold);
    cells.insert(cells.end(), {baseline.constant ? "" : duration_text(baseline.seconds),
                               concat(format_count(baseline.baseline_only_right), " / ",
                                      format_count(baseline.model_only_right)),
                               p_value_text(baseline.p_value)});
    table.add(cells);
  }
  std::string thresholds;
  if (report.threshold) {
    thresholds = concat("Each has its own threshold for ", positive_name(report),
                        ", chosen on validation for ", short_percent(report.wanted_precision),
                        " precision. ");
  }
  return heading("Against simpler methods") + table.html() +
         note(thresholds + "Time is that of training and predicting; for the model, of training.");
}

std::string threshold_section(const ClassifierReport& report) {
  const auto charts = ranking_charts(report);
  if (!report.threshold) return charts.empty() ? "" : heading("Ranking") + charts;
  const auto& choice = *report.threshold;
  HtmlTable table({"split", "precision" + small("95 % interval"), "recall" + small("95 % interval"),
                   "F1", "flagged rightly", "flagged wrongly", "missed",
                   "false positive rate" + small("95 % interval"),
                   "share of " + positive_name(report)});
  for (const auto& split : report.splits) {
    const auto& c = *split.metrics.at_threshold;
    const int64_t positives = c.true_positives + c.false_negatives;
    table.add({split.name, share_of(c.true_positives, c.true_positives + c.false_positives),
               share_of(c.true_positives, positives), decimal(c.f1()),
               format_count(c.true_positives), format_count(c.false_positives),
               format_count(c.false_negatives),
               share_of(c.false_positives, c.false_positives + c.true_negatives),
               percent(Share{positives, c.rows()}.value())});
  }
  const auto found =
      choice.reached
          ? concat("it is the one that finds most of them while at least ",
                   short_percent(choice.wanted_precision), " of what is flagged is right")
          : concat("none makes ", short_percent(choice.wanted_precision),
                   " of what is flagged right, this one is the most precise");
  return heading("A threshold for " + positive_name(report)) +
         concat("<p>A text is flagged when its probability of ", positive_name(report),
                " is at least <b>", decimal(choice.threshold),
                "</b>. Chosen on validation: ", found, ".</p>\n") +
         table.html() +
         note(
             "Precision depends on how frequent the class is: where it is rarer than in these "
             "rows, more of what is flagged is wrong. The false positive rate stays.") +
         charts;
}

std::string calibration_section(const ClassifierReport& report) {
  HtmlTable table(
      {"split", "calibration error", "with temperature", "log loss", "with temperature"});
  for (const auto& split : report.splits) {
    const auto& before = split.metrics.calibration;
    const auto& after = split.calibrated;
    table.add({split.name, fixed(100 * before.error, 2) + " points",
               after ? fixed(100 * after->error, 2) + " points" : "&ndash;",
               fixed(before.log_loss, 4), after ? fixed(after->log_loss, 4) : "&ndash;"});
  }
  std::string temperature = "There are no validation rows to fit a temperature on.";
  if (report.temperature && report.temperature->at_limit) {
    temperature =
        "No temperature is fitted: the validation rows ask for one out of bounds, as they do "
        "when nearly all of them are classified right.";
  } else if (report.temperature) {
    const double t = report.temperature->temperature;
    temperature = concat("The temperature fitted on validation is <b>", fixed(t, 3), "</b>: ",
                         t > 1.05   ? "the classifier is surer of itself than it should be."
                         : t < 0.95 ? "the classifier is less sure of itself than it could be."
                                    : "hardly anything to mend.");
  }
  return heading("Do its probabilities mean what they say?") + "<p>" + temperature + "</p>\n" +
         table.html() + reliability_charts(report) +
         note(
             "Grey bars: the share of rows with that confidence. On the dotted line, confidence "
             "and accuracy agree.");
}

std::string confusion_section(const ClassifierReport& report) {
  const bool matrix = report.labels.size() <= kMatrixClasses;
  std::string html = heading(matrix ? "What is taken for what" : "Most frequent confusions");
  // Side by side while they are small.
  html += report.labels.size() <= 3 ? "<div class=\"side\">\n" : "<div>\n";
  for (const auto& split : report.splits) {
    html += concat("<div><h3>", split.name, "</h3>\n",
                   matrix ? confusion_matrix(report, split) : confusion_list(report, split),
                   "</div>\n");
  }
  return html + "</div>\n" + note("Rows are the truth, columns what the classifier calls it.");
}

std::string classes_section(const ClassifierReport& report) {
  const auto& f = report.main().metrics;
  HtmlTable table({"class", "rows", "precision", "recall", "F1", "ROC-AUC", "average precision"});
  for (size_t c = 0; c < classes_shown(report); ++c) {
    const auto& one = f.classification.classes[c];
    table.add({html_name(one.label), format_count(one.support),
               decimal_of(one.precision, one.predicted), decimal_of(one.recall, one.support),
               decimal_of(one.f1, one.support + one.predicted), decimal(f.classes[c].roc_auc),
               decimal(f.classes[c].average_precision)});
  }
  table.add({"macro mean", format_count(f.classification.rows),
             decimal(f.classification.macro_precision), decimal(f.classification.macro_recall),
             decimal(f.classification.macro_f1), decimal(f.roc_auc), decimal(f.average_precision)});
  return heading("Class by class on " + report.main_split) + table.html() + left_out(report);
}

std::string mistakes_section(const ClassifierReport& report) {
  std::string html = heading("Its mistakes, the surest first");
  html += note(
      "Look at them: some are the classifier's, some may be wrong labels. Rows count "
      "from 0 in their file, the heading apart.");
  html += split_mistakes(report, report.main());
  for (const auto& split : report.splits) {
    if (split.name == report.main_split) continue;
    html +=
        concat("<details><summary>Mistakes on ", split.name, " (", format_count(split.n_mistake),
               ")</summary>\n", split_mistakes(report, split), "</details>\n");
  }
  return html;
}

std::string data_section(const ClassifierReport& report) {
  std::vector<std::string> head = {"split",
                                   "rows",
                                   "cut" + small("to max. tokens"),
                                   "repeated" + small("within the split"),
                                   "also in train" + small("letter for letter"),
                                   "right of those not in train"};
  for (size_t c = 0; c < std::min<size_t>(8, report.labels.size()); ++c) {
    head.push_back(html_name(report.labels[c]));
  }
  HtmlTable table(head);
  for (const auto& split : report.splits) {
    const auto& r = split.metrics.classification;
    std::vector<std::string> cells = {split.name, format_count(r.rows),
                                      format_count(split.truncated), format_count(split.repeated),
                                      overlap_cells(split)};
    const auto rest = split.overlap ? split.overlap->accuracy_on_rest : Share{};
    cells.push_back(split.overlap ? share_of(rest.part, rest.whole) : "&ndash;");
    for (size_t c = 0; c < std::min<size_t>(8, report.labels.size()); ++c) {
      cells.push_back(format_count(r.classes[c].support) +
                      small(percent(Share{r.classes[c].support, r.rows}.value())));
    }
    table.add(cells);
  }
  const auto cut = report.max_tokens > 0 ? concat("Longer texts are cut to ",
                                                  format_count(report.max_tokens), " tokens. ")
                                         : std::string();
  return heading("The rows") + table.html() +
         note(concat(cut, format_count(report.skipped_empty),
                     " rows without text were left out. \"By words\" ignores the case of ASCII "
                     "letters, blanks and punctuation."));
}

std::string training_section(const ClassifierReport& report) {
  const auto charts = training_charts(report);
  if (charts.empty() && report.settings.empty()) return "";
  std::string settings;
  if (!report.settings.empty()) {
    HtmlTable table({"setting", "value"}, "plain");
    for (const auto& [key, value] : report.settings) {
      table.add({html_name(key), html_name(value, kSettingCharacters)});
    }
    settings = "<h3>Settings</h3>\n" + table.html();
  }
  return heading("How it was trained") + charts + settings;
}

}  // namespace gptkit
