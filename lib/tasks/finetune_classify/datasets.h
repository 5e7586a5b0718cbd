#pragma once
// The labelled rows of a run and the datasets made from them: read, tokenised and cut once.

#include <memory>
#include <string>
#include <vector>

#include "data/tables/classification.h"
#include "tasks/finetune_classify/config.h"
#include "weights/bundle.h"

namespace gptkit {

ClassificationData load_data(const FinetuneClassifyConfig& config);

struct ClassifyDatasets {
  std::shared_ptr<const ClassificationDataset> train, validation;
  std::shared_ptr<const ClassificationDataset> test;  ///< null without test rows
};

/// Tokenizer and padding come from `model`; no text is longer than `context_length`. The texts of
/// validation and test are cut to the length of the training texts.
ClassifyDatasets make_datasets(const ClassificationData& data, const TextClassifier& model,
                               int64_t context_length, const ClassifierConfig& config);

/// Weights of the class losses; empty: all 1.
std::vector<double> loss_weights(const ClassificationData& data, Balance balance);

/// A fingerprint of everything that must not change for a resumed run: training and validation
/// tokens, labels, tokenizer, weights.
std::string fingerprint_of(const ClassificationData& data, const ClassifyDatasets& sets,
                           const Tokenizer& tokenizer, const std::vector<double>& class_weights);

/// Logs the number of rows, and warns about rows that are left out or cut.
void log_rows(const ClassificationData& data, const ClassifyDatasets& sets);

}  // namespace gptkit
