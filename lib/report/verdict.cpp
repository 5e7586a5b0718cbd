#include "report/verdict.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "report/format.h"

namespace gptkit {

namespace {

constexpr double kSignificant = 0.05;
constexpr size_t kNameCharacters = 60;

using Kind = Finding::Kind;

std::string plural(int64_t n, const std::string& noun) {
  return format_count(n) + " " + noun + (n == 1 ? "" : "s");
}

class Verdict {
 public:
  explicit Verdict(const ClassifierReport& report)
      : report_(report),
        main_(report.main()),
        name_(visible_text(report.model_name, kNameCharacters)) {}

  std::vector<Finding> compose() {
    say_which_split();
    for (const auto& baseline : report_.baselines) {
      if (!baseline.constant && !beaten(baseline)) say_not_beaten(baseline);
    }
    say_accuracy();
    say_beaten();
    say_threshold();
    say_calibration();
    say_overlap();
    say_learned_by_heart();
    say_balance();
    say_missing_classes();
    say_cut();
    return std::move(findings_);
  }

 private:
  template <class... Parts>
  void say(Kind kind, const Parts&... parts) {
    findings_.push_back({kind, concat(parts...)});
  }

  std::string label(int64_t c) const {
    return "'" + visible_text(report_.labels[static_cast<size_t>(c)], kNameCharacters) + "'";
  }
  std::string positive() const { return label(*report_.positive); }
  int64_t rows() const { return main_.metrics.classification.rows; }
  double accuracy_of(const BaselineReport& baseline) const {
    return baseline.splits.at(main_.name).classification.accuracy;
  }
  bool beaten(const BaselineReport& baseline) const {
    return baseline.model_only_right > baseline.baseline_only_right &&
           baseline.p_value < kSignificant;
  }

  void say_which_split() {
    if (main_.name == "test") return;
    say(Kind::kDoubt, "There is no test split. ",
        main_.name == "train"
            ? "All metrics are those of the training rows and say little about new texts."
            : "The metrics are those of the validation rows, which were used during training and "
              "to "
              "choose threshold and temperature. Expect lower metrics on new texts.");
  }

  void say_not_beaten(const BaselineReport& baseline) {
    const auto name = visible_text(baseline.name, kNameCharacters);
    const bool worse = baseline.baseline_only_right > baseline.model_only_right;
    const bool sure = baseline.p_value < kSignificant;
    const std::string claim = worse && sure ? concat(name, " is better than ", name_)
                              : worse       ? concat(name_, " is not better than ", name)
                                            : concat(name_, " is not clearly better than ", name);
    say(Kind::kDoubt, claim, ". Accuracy on the same ", format_count(rows()), " ", main_.name,
        " texts: ", name_, " ", percent(main_.metrics.classification.accuracy), ", ", name, " ",
        percent(accuracy_of(baseline)), ". ", "Texts that only one of them classifies correctly: ",
        format_count(baseline.model_only_right), " (", name_, ") and ",
        format_count(baseline.baseline_only_right), " (", name, ")",
        sure ? ", " : ". The difference may be chance, ", p_value_text(baseline.p_value), ".",
        report_.seconds > 0
            ? concat(" Training time: ", name_, " ", format_duration(report_.seconds), ", ", name,
                     " ", format_duration(baseline.seconds), ".")
            : "");
  }

  void say_accuracy() {
    const auto& r = main_.metrics.classification;
    const bool one_class = std::ranges::any_of(
        r.classes, [&](const ClassMetrics& metrics) { return metrics.support == r.rows; });
    std::string floor;
    bool above = true;
    for (const auto& baseline : report_.baselines) {
      if (!baseline.constant) continue;
      above = beaten(baseline);
      floor = concat(" The constant answer \"", visible_text(baseline.name, kNameCharacters + 7),
                     "\" has an accuracy of ", percent(accuracy_of(baseline)), ".");
    }
    say(above && !one_class ? Kind::kFact : Kind::kDoubt, name_, " classifies ",
        percent(r.accuracy), " of ", plural(r.rows, main_.name + " text"),
        " correctly (95 % interval ", percent(r.accuracy_interval), "), with ",
        main_.n_mistake == 0 ? "no errors" : plural(main_.n_mistake, "error"), ".", floor);
  }

  void say_beaten() {
    std::string names;
    for (const auto& baseline : report_.baselines) {
      if (baseline.constant || !beaten(baseline)) continue;
      names += concat(names.empty() ? "" : ", ", visible_text(baseline.name, kNameCharacters), " (",
                      percent(accuracy_of(baseline)), ", ", p_value_text(baseline.p_value), ")");
    }
    if (!names.empty()) {
      say(Kind::kGood, name_, " is better than ", names, " on the same ", main_.name, " texts.");
    }
  }

  void say_threshold() {
    if (!report_.threshold) return;
    const auto& choice = *report_.threshold;
    if (!choice.reached) {
      say(Kind::kDoubt, "No threshold for ", positive(), " reaches a precision of ",
          short_percent(choice.target_precision), " on validation; the highest precision is ",
          percent(choice.precision), ".");
    }
    if (main_.name == "validation") return;
    const auto& counts = *main_.metrics.at_threshold;
    const int64_t flagged = counts.true_positives + counts.false_positives;
    const auto precision = counts.precision();
    const bool kept = precision && *precision >= choice.target_precision;
    const auto interval = wilson_interval(counts.true_positives, flagged);
    say(kept || !choice.reached ? Kind::kFact : Kind::kDoubt, "The threshold for ", positive(),
        " is a probability of ", decimal(choice.threshold),
        ", chosen on validation for a precision of ", short_percent(choice.target_precision),
        ". It flags ", plural(flagged, main_.name + " text"), " with a precision of ",
        percent(precision), kept ? "" : ", below the target", " (95 % interval ", percent(interval),
        "). Recall: ", format_count(counts.true_positives), " of ",
        format_count(counts.true_positives + counts.false_negatives), " ", positive(), " texts (",
        percent(counts.recall()), ").",
        kept && interval.low < choice.target_precision
            ? " There are too few rows to be sure that the precision reaches the target."
            : "");
  }

  void say_calibration() {
    const auto& before = main_.metrics.calibration;
    std::string with_temperature;
    if (main_.calibrated) {
      with_temperature =
          concat(" With the temperature ", fixed(report_.temperature->temperature, 2),
                 ", fitted on validation: ", fixed(100 * main_.calibrated->error, 1), " points.");
    }
    say(before.error > 0.05 ? Kind::kDoubt : Kind::kFact,
        "Calibration error: ", fixed(100 * before.error, 1), " points.", with_temperature);
  }

  void say_overlap() {
    if (!main_.overlap) return;
    const auto& overlap = *main_.overlap;
    if (overlap.same_words == 0) {
      say(Kind::kGood, "No ", main_.name,
          " text is also a training text, even if case, white space and punctuation are ignored.");
      return;
    }
    const auto& rest = overlap.accuracy_on_rest;
    say(Kind::kDoubt, format_count(overlap.verbatim), " of the ", format_count(rows()), " ",
        main_.name, " texts ", overlap.verbatim == 1 ? "is" : "are", " also in the training rows; ",
        format_count(overlap.same_words),
        " if case, white space and punctuation are ignored. Accuracy on the other ",
        format_count(rest.whole), ": ", percent(rest.value()),
        rest.whole > 0 ? " (95 % interval " + percent(rest.interval()) + ")." : ".",
        overlap.other_label > 0
            ? concat(" ", format_count(overlap.other_label), " have another label in training.")
            : "");
  }

  void say_learned_by_heart() {
    const auto* train = report_.split("train");
    if (!train || main_.name == "train") return;
    const auto& known = train->metrics.classification;
    if (known.accuracy_interval.low <= main_.metrics.classification.accuracy_interval.high) return;
    say(Kind::kDoubt, "The accuracy on the training rows is higher (", percent(known.accuracy),
        "): the classifier has memorised some of them.");
  }

  void say_balance() {
    const auto* train = report_.split("train");
    if (!train || !report_.positive || main_.name == "train") return;
    const auto share = [&](const SplitReport& split) {
      const auto& r = split.metrics.classification;
      return static_cast<double>(r.classes[static_cast<size_t>(*report_.positive)].support) /
             static_cast<double>(r.rows);
    };
    const double here = share(main_), there = share(*train);
    if (std::max(here, there) <= 1.5 * std::min(here, there)) return;
    say(Kind::kDoubt, positive(), " is ", percent(there), " of the training rows and ",
        percent(here), " of the ", main_.name,
        " rows. The probabilities follow the share in training; precision depends on the share in "
        "the data.");
  }

  void say_missing_classes() {
    int64_t missing = 0;
    std::string first;
    for (size_t c = 0; c < report_.labels.size(); ++c) {
      if (main_.metrics.classification.classes[c].support > 0) continue;
      if (missing++ == 0) first = label(static_cast<int64_t>(c));
    }
    if (missing == 0) return;
    say(Kind::kDoubt, "No ", main_.name, " row is of class ", first,
        missing > 1 ? concat(" or of ", missing - 1, " more") : "", ": its recall is unknown.");
  }

  void say_cut() {
    if (main_.truncated == 0) return;
    say(Kind::kFact, plural(main_.truncated, main_.name + " text"),
        main_.truncated == 1 ? " was" : " were", " cut",
        report_.max_tokens > 0 ? concat(" to ", format_count(report_.max_tokens), " tokens") : "",
        "; the classifier did not read the rest.");
  }

  const ClassifierReport& report_;
  const SplitReport& main_;
  std::string name_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> verdict_of(const ClassifierReport& report) {
  return Verdict(report).compose();
}

}  // namespace gptkit
