#pragma once
// The report that a finetuned classifier leaves beside its model: its answers on every split, and
// those of simpler methods trained on the same rows (eval/classifier_report.h).

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/classification.h"
#include "eval/classifier_report.h"
#include "weights/bundle.h"

namespace gptkit {

/// The `report:` section.
struct TrustReportConfig {
  std::string positive;
  double precision = 0.99;
  int64_t mistakes = 10;
  bool baselines = true;
};

template <class Visitor>
void visit_fields(TrustReportConfig& c, Visitor&& visit) {
  visit("positive", c.positive, "the label that is looked for; empty: of two the rarer one");
  visit("precision", c.precision, "wanted of it: the threshold is chosen for that on validation");
  visit("mistakes", c.mistakes, "most confident mistakes shown of each split");
  visit("baselines", c.baselines, "train simpler methods on the same texts to compare with");
}
void validate(const TrustReportConfig& config, const std::vector<std::string>& labels);

/// Classifies every split and trains the baselines (seconds for thousands of texts). `about` brings
/// what only the caller knows: model name, settings, metrics, parameters, seconds. The baselines
/// weigh the classes as the training did.
ClassifierReport make_trust_report(const TextClassifier& model, const ClassificationData& data,
                                   const TrustReportConfig& config, ClassifierReportInput about,
                                   const std::vector<double>& class_weights = {});

/// report.json, report.txt and report.html, each whole or not at all.
void write_trust_report(const ClassifierReport& report, const std::filesystem::path& folder);

}  // namespace gptkit
