#include "tasks/finetune_classify/datasets.h"

#include "base/files.h"
#include "base/log.h"
#include "data/corpus/token_shard.h"
#include "data/fingerprint.h"

namespace gptkit {

namespace {

/// The fingerprint of version 0.1: only texts and classes.
std::string old_fingerprint(const std::vector<LabelledText>& rows) {
  std::string all;
  for (const auto& row : rows) all.append(row.text).append(concat('\0', row.label, '\n'));
  return sha256_hex(all).substr(0, 16);
}

void warn_of_rows_left_out(const ClassificationData& data, const ClassifyDatasets& sets) {
  std::string counts;
  if (data.skipped_empty > 0) counts += concat(data.skipped_empty, " without text are left out");
  const int64_t cut = sets.train->truncated() + sets.validation->truncated();
  if (cut > 0) {
    counts += concat(counts.empty() ? "" : ", ", cut, " are cut to ", sets.train->max_length(),
                     " tokens (training and validation)");
  }
  if (!counts.empty()) log_warning("rows: ", counts);
}

}  // namespace

ClassificationData load_data(const FinetuneClassifyConfig& config) {
  const auto& data = config.data;
  ClassificationOptions options;  // a temporary with designators is too much for GCC 12
  options.train = data.train;
  options.validation = data.validation;
  options.test = data.test;
  options.columns = data.columns;
  options.labels = config.classifier.labels;
  options.balance = data.balance;
  options.split = data.split;
  options.seed = data_seed(config);
  return load_classification(options);
}

ClassifyDatasets make_datasets(const ClassificationData& data, const TextClassifier& model,
                               int64_t context_length, const ClassifierConfig& config) {
  const auto dataset = [&](const std::vector<LabelledText>& rows, int64_t max_length) {
    return std::make_shared<const ClassificationDataset>(
        rows, *model.tokenizer,
        ClassificationDatasetOptions{.max_length = max_length,
                                     .context_length = context_length,
                                     .pad_id = model.pad_id,
                                     .pad_to_batch = config.pooling != Pooling::kLastPosition,
                                     .truncate = config.truncate});
  };
  ClassifyDatasets sets;
  sets.train = dataset(data.train, config.max_tokens);
  sets.validation = dataset(data.validation, sets.train->max_length());
  if (!data.test.empty()) sets.test = dataset(data.test, sets.train->max_length());
  return sets;
}

std::vector<double> loss_weights(const ClassificationData& data, Balance balance) {
  if (balance != Balance::kWeights) return {};
  return class_weights(data.train, std::ssize(data.labels));
}

std::string fingerprint_of(const ClassificationData& data, const ClassifyDatasets& sets,
                           const Tokenizer& tokenizer, const std::vector<double>& class_weights) {
  Fingerprint all;
  for (const auto& part :
       {sets.train->fingerprint(), sets.validation->fingerprint(), tokenizer_sha256(tokenizer)}) {
    all.add(part);
  }
  for (const auto& label : data.labels) all.add(label);
  for (const double weight : class_weights) all.add(weight);
  return data_fingerprint(old_fingerprint(data.train), all);
}

void log_rows(const ClassificationData& data, const ClassifyDatasets& sets) {
  log_info("texts: ", data.train.size(), " to train, ", data.validation.size(), " to validate, ",
           data.test.size(), " to test; at most ", sets.train->max_length(), " tokens");
  warn_of_rows_left_out(data, sets);
}

}  // namespace gptkit
