#include "report/classifier_report.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "report/classifier_checks.h"
#include "report/verdict.h"
#include "text/unicode.h"
#include "text/words.h"

namespace gptkit {

namespace {

constexpr size_t kTextBytes = 2000;

std::vector<int64_t> class_counts_of(const std::vector<int64_t>& truth, size_t n_class) {
  std::vector<int64_t> counts(n_class, 0);
  for (const int64_t label : truth) ++counts[static_cast<size_t>(label)];
  return counts;
}

std::optional<int64_t> positive_class(const ClassifierReportInput& input,
                                      const SplitPredictions& training) {
  if (!input.positive_label.empty()) {
    const auto found = std::ranges::find(input.labels, input.positive_label);
    require(found != input.labels.end(), "positive label '", printable(input.positive_label),
            "' is not a label of the classifier");
    return found - input.labels.begin();
  }
  if (input.labels.size() != 2) return std::nullopt;
  const auto counts = class_counts_of(training.truth, 2);
  return counts[0] < counts[1] ? 0 : 1;
}

std::string word_key(const std::string& text) {
  std::string key;
  for (WordScanner words(text); words.next();) key.append(words.word()).append(1, ' ');
  return key;
}

/// Whole characters: part of a character at the end would become U+FFFD.
std::string first_bytes(const std::string& text) {
  if (text.size() <= kTextBytes) return text;
  size_t end = 0;
  while (end < kTextBytes) end += decode_utf8(text, end).bytes;
  return text.substr(0, end);
}

/// The training texts, for lookup.
class Known {
 public:
  explicit Known(const SplitPredictions& train) {
    for (size_t row = 0; row < train.truth.size(); ++row) {
      labels_[train.texts[row]].insert(train.truth[row]);
      words_.insert(word_key(train.texts[row]));
    }
    words_.erase("");  // texts without words are not similar
  }
  bool has(const std::string& text) const { return labels_.contains(text); }

  Overlap with(const SplitPredictions& split) const {
    Overlap overlap;
    for (size_t row = 0; row < split.truth.size(); ++row) {
      const auto found = labels_.find(split.texts[row]);
      const bool verbatim = found != labels_.end();
      overlap.verbatim += verbatim;
      overlap.other_label += verbatim && !found->second.contains(split.truth[row]);
      if (verbatim || words_.contains(word_key(split.texts[row]))) {
        ++overlap.same_words;
        continue;
      }
      ++overlap.accuracy_on_rest.whole;
      overlap.accuracy_on_rest.part +=
          predicted_class(split.probabilities[row]) == split.truth[row];
    }
    return overlap;
  }

 private:
  std::unordered_map<std::string_view, std::set<int64_t>> labels_;
  std::unordered_set<std::string> words_;
};

int64_t repeated_texts(const SplitPredictions& split) {
  const std::unordered_set<std::string_view> distinct(split.texts.begin(), split.texts.end());
  return static_cast<int64_t>(split.texts.size() - distinct.size());
}

void add_mistakes(SplitReport& report, const SplitPredictions& split, const Known* known,
                  int64_t most) {
  std::vector<std::pair<double, size_t>> wrong;  // less confident rows sort last
  for (size_t row = 0; row < split.truth.size(); ++row) {
    const auto predicted = predicted_class(split.probabilities[row]);
    if (predicted == split.truth[row]) continue;
    wrong.emplace_back(-split.probabilities[row][static_cast<size_t>(predicted)], row);
  }
  std::ranges::sort(wrong);
  report.n_mistake = static_cast<int64_t>(wrong.size());
  wrong.resize(std::min(wrong.size(), static_cast<size_t>(most)));
  for (const auto& [negated, row] : wrong) {
    const auto& text = split.texts[row];
    report.mistakes.push_back({split.rows[row], split.truth[row],
                               predicted_class(split.probabilities[row]), -negated,
                               first_bytes(text), static_cast<int64_t>(text.size()),
                               known && split.name != "train" && known->has(text)});
  }
}

SplitReport split_report(const SplitPredictions& split, const DecisionRule& rule,
                         const Known* known, int64_t max_mistakes) {
  SplitReport result;
  result.name = split.name;
  result.metrics = classifier_metrics(split.truth, split.probabilities, rule);
  if (known && split.name != "train") result.overlap = known->with(split);
  result.repeated = repeated_texts(split);
  result.truncated = split.truncated;
  add_mistakes(result, split, known, max_mistakes);
  return result;
}

/// The class shares of the training split, independent of the text.
BaselinePredictions most_frequent_class(const SplitPredictions& train,
                                        const std::vector<const SplitPredictions*>& splits,
                                        const std::vector<std::string>& labels) {
  const auto counts = class_counts_of(train.truth, labels.size());
  std::vector<double> shares;
  for (const int64_t count : counts) {
    shares.push_back(static_cast<double>(count) / static_cast<double>(train.truth.size()));
  }
  BaselinePredictions baseline;
  baseline.name = "always " + labels[static_cast<size_t>(predicted_class(shares))];
  baseline.description = "the most frequent class of the training rows, whatever the text";
  for (const auto* split : splits) {
    baseline.probabilities[split->name].assign(split->truth.size(), shares);
  }
  return baseline;
}

void add_mcnemar(BaselineReport& report, const SplitPredictions& split,
                 const ProbabilityRows& baseline) {
  for (size_t row = 0; row < split.truth.size(); ++row) {
    const bool model_right = predicted_class(split.probabilities[row]) == split.truth[row];
    const bool baseline_right = predicted_class(baseline[row]) == split.truth[row];
    report.model_only_right += model_right && !baseline_right;
    report.baseline_only_right += baseline_right && !model_right;
  }
  report.p_value = mcnemar_exact(report.model_only_right, report.baseline_only_right);
}

std::optional<ThresholdChoice> threshold_of(const SplitPredictions& validation,
                                            const ProbabilityRows& probabilities,
                                            std::optional<int64_t> positive,
                                            double target_precision) {
  if (!positive) return std::nullopt;
  return choose_threshold(ranking_of_class(*positive, validation.truth, probabilities),
                          target_precision);
}

class Maker {
 public:
  explicit Maker(const ClassifierReportInput& input)
      : input_(input), splits_(checked_splits(input)) {}

  ClassifierReport make() {
    copy_given();
    const auto* train = find("train");
    const auto* validation = find("validation");
    report_.main_split = splits_.back()->name;
    report_.positive = positive_class(input_, *splits_.front());
    if (validation) {
      report_.temperature = fit_temperature(validation->probabilities, validation->truth);
      report_.threshold = threshold_of(*validation, validation->probabilities, report_.positive,
                                       input_.target_precision);
    }
    std::optional<Known> known;
    if (train) known.emplace(*train);
    for (const auto* split : splits_) add_split(*split, known ? &*known : nullptr);
    if (train) add_baseline(most_frequent_class(*train, splits_, input_.labels), true);
    for (const auto& baseline : input_.baselines) add_baseline(baseline, false);
    report_.verdict = verdict_of(report_);
    return std::move(report_);
  }

 private:
  const SplitPredictions* find(std::string_view name) const {
    for (const auto* split : splits_) {
      if (split->name == name) return split;
    }
    return nullptr;
  }

  void copy_given() {
    report_.model_name = input_.model_name.empty() ? "the classifier" : input_.model_name;
    report_.labels = input_.labels;
    report_.target_precision = input_.target_precision;
    report_.training_metrics = input_.training_metrics;
    report_.settings = input_.settings;
    report_.max_tokens = input_.max_tokens;
    report_.skipped_empty = input_.skipped_empty;
    report_.parameters = input_.parameters;
    report_.trained_parameters = input_.trained_parameters;
    report_.seconds = input_.seconds;
  }

  void add_split(const SplitPredictions& split, const Known* known) {
    report_.splits.push_back(split_report(
        split, {input_.labels, report_.positive, report_.threshold}, known, input_.max_mistakes));
    if (report_.temperature && !report_.temperature->at_limit) {
      report_.splits.back().calibrated =
          calibration_of(split.probabilities, split.truth, report_.temperature->temperature);
    }
  }

  /// Only the main split is required; a threshold also needs validation.
  void check_baseline(const BaselinePredictions& baseline, const SplitPredictions& split) const {
    const std::string where = "baseline '" + printable(baseline.name) + "', split " + split.name;
    const auto found = baseline.probabilities.find(split.name);
    if (found == baseline.probabilities.end()) {
      require(split.name != report_.main_split, where, ": no probabilities; expected ",
              split.truth.size(), " rows of them");
      return;
    }
    check_probabilities(found->second, split.truth.size(), input_.labels.size(), where);
  }

  void add_baseline(const BaselinePredictions& baseline, bool constant) {
    BaselineReport made;
    made.name = baseline.name;
    made.description = baseline.description;
    made.constant = constant;
    made.seconds = baseline.seconds;
    for (const auto* split : splits_) check_baseline(baseline, *split);
    const auto given = [&](const SplitPredictions* split) -> const ProbabilityRows* {
      if (!split) return nullptr;
      const auto found = baseline.probabilities.find(split->name);
      return found == baseline.probabilities.end() ? nullptr : &found->second;
    };
    const auto* validation = find("validation");
    if (const auto* rows = given(validation)) {
      made.threshold = threshold_of(*validation, *rows, report_.positive, input_.target_precision);
    }
    for (const auto* split : splits_) {
      const auto* rows = given(split);
      if (!rows) continue;
      made.splits[split->name] = classifier_metrics(
          split->truth, *rows, {input_.labels, report_.positive, made.threshold});
    }
    add_mcnemar(made, *splits_.back(), baseline.probabilities.at(report_.main_split));
    report_.baselines.push_back(std::move(made));
  }

  const ClassifierReportInput& input_;
  std::vector<const SplitPredictions*> splits_;
  ClassifierReport report_;
};

}  // namespace

std::string name_of(Finding::Kind kind) {
  return kind == Finding::Kind::kGood ? "good" : kind == Finding::Kind::kDoubt ? "doubt" : "fact";
}

const SplitReport* ClassifierReport::split(const std::string& name) const {
  const auto found = std::ranges::find(splits, name, &SplitReport::name);
  return found == splits.end() ? nullptr : &*found;
}

std::optional<double> ClassifierReport::f1(const ClassifierMetrics& metrics) const {
  if (!positive) return metrics.classification.macro_f1;
  const auto& of = metrics.classification.classes[static_cast<size_t>(*positive)];
  return of.support + of.predicted > 0 ? std::optional(of.f1) : std::nullopt;
}

std::optional<double> ClassifierReport::roc_auc(const ClassifierMetrics& metrics) const {
  return positive ? metrics.classes[static_cast<size_t>(*positive)].roc_auc : metrics.roc_auc;
}

std::optional<double> ClassifierReport::average_precision(const ClassifierMetrics& metrics) const {
  return positive ? metrics.classes[static_cast<size_t>(*positive)].average_precision
                  : metrics.average_precision;
}

ClassifierReport make_classifier_report(const ClassifierReportInput& input) {
  return Maker(input).make();
}

}  // namespace gptkit
