#pragma once
// What gives texts their labels: a finetuned classifier, or a language model that is shown
// examples.

#include <memory>
#include <string>
#include <vector>

#include "tasks/classify/classify.h"

namespace gptkit {

class Labeller {
 public:
  virtual ~Labeller() = default;
  virtual const std::vector<std::string>& labels() const = 0;
  virtual std::vector<Prediction> predict(const std::vector<std::string>& texts) = 0;
  /// Why it cannot label this text, or nothing.
  virtual std::string refusal(const std::string&) const { return {}; }
  /// The classifier, to explain its labels.
  virtual const TextClassifier* classifier() const { return nullptr; }
  ProblemType problem_type() const {
    return classifier() ? classifier()->problem_type : ProblemType::kSingleLabel;
  }
  /// What there is to say about the texts it has seen.
  virtual void report() const {}
};

/// Loads the model of the configuration.
std::unique_ptr<Labeller> make_labeller(const ClassifyConfig& config);

}  // namespace gptkit
