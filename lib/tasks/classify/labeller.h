#pragma once
// Assigns labels to texts: a finetuned classifier, or a language model with examples in its prompt.

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
  /// The reason why it cannot label this text, or nothing.
  virtual std::string refusal(const std::string&) const { return {}; }
  /// The classifier, for explanations.
  virtual const TextClassifier* classifier() const { return nullptr; }
  ProblemType problem_type() const {
    return classifier() ? classifier()->problem_type : ProblemType::kSingleLabel;
  }
  /// Logs warnings about the texts so far.
  virtual void report() const {}
};

/// Loads the model of the configuration.
std::unique_ptr<Labeller> make_labeller(const ClassifyConfig& config);

}  // namespace gptkit
