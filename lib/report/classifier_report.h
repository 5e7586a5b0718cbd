#pragma once
// The report on the reliability of a text classifier: metrics per split with their uncertainty, a
// threshold, calibration, a comparison with simpler methods on the same rows, the most confident
// mistakes with their texts. Computed once from predictions; shown as text, JSON and a page
// (report/classifier_page.h).
//
// Threshold and temperature are chosen only on the validation split, and applied to the others.
// Metrics with a zero denominator are absent: "undefined" in text, null in JSON.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "eval/classifier_metrics.h"

namespace gptkit {

/// Parallel vectors, one entry per row.
struct SplitPredictions {
  std::string name;  ///< "train", "validation" or "test"
  std::vector<std::string> texts = {};
  std::vector<int64_t> rows = {};  ///< the row of the text in its file, from 0
  std::vector<int64_t> truth = {};
  ProbabilityRows probabilities = {};
  int64_t truncated = 0;  ///< texts cut to max_tokens
};

/// A simpler method, trained on the same training rows.
struct BaselinePredictions {
  std::string name, description = {};
  double seconds = 0;  ///< training and predicting
  std::map<std::string, ProbabilityRows> probabilities =
      {};  ///< split name -> as in SplitPredictions
};

struct ClassifierReportInput {
  std::string model_name;
  std::vector<std::string> labels = {};  ///< of class 0, 1, ...; at least two
  /// Splits without rows are ignored; at least one must have rows.
  std::vector<SplitPredictions> splits = {};
  std::vector<BaselinePredictions> baselines = {};  ///< each with probabilities for the main split
  std::vector<OrderedJson> training_metrics = {};   ///< the rows of metrics.jsonl
  std::vector<std::pair<std::string, std::string>> settings =
      {};  ///< shown unchanged, in this order
  /// The positive class. Empty: of two classes the one that is rarer in training (if equal, the
  /// last); with more classes, none.
  std::string positive_label = {};
  double target_precision = 0.99;  ///< that the threshold must reach on validation
  int64_t max_mistakes = 10;       ///< listed for each split
  int64_t max_tokens = 0;          ///< longer texts were cut; 0: not known
  int64_t skipped_empty = 0;       ///< rows of the files that had no text
  double seconds = 0;              ///< of training
  int64_t parameters = 0, trained_parameters = 0;
};

struct Mistake {
  int64_t row = 0, truth = 0, predicted = 0;
  double probability = 0;  ///< of the class predicted
  std::string text;        ///< its first 2,000 bytes, up to a whole character
  int64_t text_bytes = 0;  ///< of the whole text
  bool in_train = false;   ///< the same text is a training row
};

/// Texts that are also training rows: a model could have memorised them.
struct Overlap {
  int64_t verbatim = 0;  ///< equal byte for byte
  int64_t same_words =
      0;  ///< those, and texts that differ only in ASCII case, blanks or punctuation
  int64_t other_label = 0;  ///< verbatim, but with another label there
  Share accuracy_on_rest;   ///< of rows that are not in train, compared by words
};

struct SplitReport {
  std::string name;
  ClassifierMetrics metrics;
  std::optional<Calibration> calibrated;  ///< at the fitted temperature
  std::optional<Overlap> overlap;         ///< absent for train, and without a train split
  int64_t repeated = 0;                   ///< rows whose text an earlier row of this split has
  int64_t truncated = 0;
  std::vector<Mistake> mistakes;  ///< the most confident ones first
  int64_t n_mistake = 0;          ///< all of them
};

struct BaselineReport {
  std::string name, description;
  bool constant = false;  ///< added by the report: always the same class
  double seconds = 0;     ///< of a constant one: 0
  std::map<std::string, ClassifierMetrics> splits;
  std::optional<ThresholdChoice> threshold;  ///< its own threshold, chosen as for the classifier
  /// On the main split: rows that only one of the two classifies correctly, and McNemar's exact
  /// test on them.
  int64_t model_only_right = 0, baseline_only_right = 0;
  double p_value = 1;
};

/// One sentence of the verdict.
struct Finding {
  enum class Kind { kFact, kGood, kDoubt };
  Kind kind = Kind::kFact;
  std::string text;
};

std::string name_of(Finding::Kind kind);  ///< "fact", "good" or "doubt"

struct ClassifierReport {
  std::string model_name;
  std::vector<std::string> labels;
  std::vector<SplitReport> splits;  ///< train, validation and test, if they have rows
  std::string main_split;  ///< the split for the verdict: test, else validation, else train
  std::optional<int64_t> positive;  ///< the positive class
  double target_precision = 0;
  std::optional<ThresholdChoice> threshold;  ///< absent without a positive class or validation rows
  std::optional<TemperatureFit> temperature;  ///< absent without validation rows
  /// The first always predicts the most frequent training class (if there is a train split); the
  /// given ones follow.
  std::vector<BaselineReport> baselines;
  std::vector<Finding> verdict;
  std::vector<OrderedJson> training_metrics;
  std::vector<std::pair<std::string, std::string>> settings;
  int64_t max_tokens = 0, skipped_empty = 0, parameters = 0, trained_parameters = 0;
  double seconds = 0;

  const SplitReport* split(const std::string& name) const;  ///< nullptr when absent
  const SplitReport& main() const { return *split(main_split); }
  bool is_positive(int64_t label) const { return positive && *positive == label; }
  /// F1, AUC and average precision of the positive class; without one, the means over classes.
  std::optional<double> f1(const ClassifierMetrics& metrics) const;
  std::optional<double> roc_auc(const ClassifierMetrics& metrics) const;
  std::optional<double> average_precision(const ClassifierMetrics& metrics) const;
};

/// Fails, naming split and row, for vectors of unequal length, classes outside the labels and rows
/// that are not probabilities (a value below 0, above 1 or not finite, or a sum that differs from 1
/// by more than 0.001). Sorts each split once per class and baseline.
ClassifierReport make_classifier_report(const ClassifierReportInput& input);

/// {"train", "validation", "test": the result of to_json(ClassificationMetrics) and "roc_auc",
/// "average_precision", "log_loss", "calibration_error", ...; "model", "verdict", "threshold",
/// "temperature", "baselines", "training"}. Undefined metrics are null.
OrderedJson to_json(const ClassifierReport& report);

/// For a terminal: verdict, metrics, baselines, mistakes.
std::string to_text(const ClassifierReport& report);

}  // namespace gptkit
