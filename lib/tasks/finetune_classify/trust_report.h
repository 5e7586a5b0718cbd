#pragma once
// The report that a finetuned classifier leaves beside its model: its answers on every split, and
// those of simpler methods trained on the same rows (report/classifier_report.h).

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/tables/classification.h"
#include "report/classifier_report.h"
#include "tensors/precision.h"
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

/// What the classifier says of a split, where that is known already.
struct SplitLogits {
  torch::Tensor logits;   ///< (N,n_class), in the rows' order
  int64_t truncated = 0;  ///< texts that were cut
};

struct TrustReportOptions {
  std::vector<double> class_weights = {};         ///< of the training: the baselines' too
  Precision precision = Precision::kFloat32;      ///< in which texts are classified
  std::map<std::string, SplitLogits> known = {};  ///< by the split's name
};

/// Classifies every split and trains the baselines (seconds for thousands of texts). `about` brings
/// what only the caller knows: model name, settings, metrics, parameters, seconds.
ClassifierReport make_trust_report(const TextClassifier& model, const ClassificationData& data,
                                   const TrustReportConfig& config, ClassifierReportInput about,
                                   const TrustReportOptions& options = {});

/// report.json, report.txt and report.html, each whole or not at all.
void write_trust_report(const ClassifierReport& report, const std::filesystem::path& folder);

}  // namespace gptkit
