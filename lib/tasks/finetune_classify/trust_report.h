#pragma once
// The report on a finetuned classifier: its predictions on every split, and those of simpler
// methods trained on the same rows (report/classifier_report.h).

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/config/config.h"
#include "data/tables/classification.h"
#include "report/classifier_report.h"
#include "tensors/precision.h"
#include "weights/bundle.h"

namespace gptkit {

/// The `report:` section.
struct TrustReportConfig {
  static constexpr std::array kRenamedKeys = {RenamedKey{"precision", "target_precision"}};

  std::string positive;
  double target_precision = 0.99;
  int64_t mistakes = 10;
  bool baselines = true;
};

template <class Visitor>
void visit_fields(TrustReportConfig& c, Visitor&& visit) {
  visit("positive", c.positive, "the positive label; empty: of two labels the rarer one");
  visit("target_precision", c.target_precision,
        "precision of the positive label that the threshold must reach on validation");
  visit("mistakes", c.mistakes, "number of most confident mistakes to list per split");
  visit("baselines", c.baselines, "train simpler methods on the same texts, for comparison");
}
void validate(const TrustReportConfig& config, const std::vector<std::string>& labels);

/// The predictions for a split: `rows` are the rows from which `set` was made.
SplitPredictions predict_split(const TextClassifier& model, const std::string& name,
                               const std::vector<LabelledText>& rows,
                               const ClassificationDataset& set, Precision precision);
/// The same from logits (N,n_class), float64, in the order of the rows.
SplitPredictions predictions_of(const std::string& name, const std::vector<LabelledText>& rows,
                                const ClassificationDataset& set, const torch::Tensor& logits);

/// Trains the baselines (seconds for thousands of texts). `input` has the predictions, training
/// rows first, and facts that only the caller knows: model name, settings, metrics, parameters,
/// seconds. `class_weights` are those of the training; the baselines use them, too.
ClassifierReport make_trust_report(const TextClassifier& model, const TrustReportConfig& config,
                                   ClassifierReportInput input,
                                   const std::vector<double>& class_weights);

/// Writes report.json, report.txt and report.html, each complete or not at all.
void write_trust_report(const ClassifierReport& report, const std::filesystem::path& folder);

}  // namespace gptkit
