#pragma once
// A text classifier with its tokenizer and labels.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gptkit/load_options.h"
#include "gptkit/namespace.h"
#include "gptkit/prediction.h"

namespace gptkit::api {

/// Copies share the weights. One thread at a time may call a classifier.
class Classifier {
 public:
  /// Opens a folder with a class head: the model/ folder of finetune_classifier(), a
  /// GPT2ForSequenceClassification or LlamaForSequenceClassification, or a LoRA adapter of one.
  static Classifier load(const std::string& path, const LoadOptions& options = {});

  /// Names of class 0, 1, ...
  const std::vector<std::string>& labels() const;
  std::int64_t max_tokens() const;  ///< longer texts are cut

  /// One prediction per text, in order. Other texts in the call do not change a prediction. Throws
  /// Error for a text that is too long if the model was trained to refuse such texts.
  std::vector<Prediction> classify(const std::vector<std::string>& texts) const;
  Prediction classify(const std::string& text) const;

 private:
  struct Impl;
  explicit Classifier(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace gptkit::api
