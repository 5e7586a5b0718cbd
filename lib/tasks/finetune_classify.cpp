#include "tasks/finetune_classify.h"

#include <ATen/ops/cross_entropy_loss.h>

#include "base/log.h"
#include "base/progress.h"
#include "model/device.h"
#include "model/init.h"
#include "tasks/classify.h"
#include "train/distributed.h"

namespace gptkit {

namespace {

/// Freezes everything but what `config` lets learn.
void freeze(Classifier& classifier, const ClassifierConfig& config) {
  auto gpt = classifier->gpt();
  // Takes no part in the loss: several processes would wait for its gradient in vain.
  if (gpt->head()) gpt->head()->weight.requires_grad_(false);
  if (config.trainable == Trainable::kAll) return;
  for (auto& parameter : gpt->parameters()) parameter.requires_grad_(false);
  if (config.trainable == Trainable::kHead) return;
  const int64_t n = config.trainable == Trainable::kLastBlock ? 1 : config.trainable_blocks;
  require(n >= 1 && n <= gpt->config().n_layer, "classifier.trainable_blocks: ", n,
          " is out of range; the model has ", gpt->config().n_layer, " blocks");
  for (int64_t i = gpt->config().n_layer - n; i < gpt->config().n_layer; ++i) {
    for (auto& parameter : gpt->block(i)->parameters()) parameter.requires_grad_(true);
  }
  for (auto& parameter : gpt->final_norm()->parameters()) parameter.requires_grad_(true);
}

class ClassifyTask : public TrainingTask {
 public:
  ClassifyTask(Classifier classifier, std::shared_ptr<const Dataset> train,
               std::shared_ptr<const Dataset> validation, std::string fingerprint,
               const TrainConfig& config)
      : classifier_(std::move(classifier)),
        train_(std::move(train)),
        validation_(std::move(validation)),
        fingerprint_(std::move(fingerprint)),
        config_(config) {
    classifier_->gpt()->set_recompute(config.recompute);
  }

  torch::nn::Module& model() override { return *classifier_; }
  std::shared_ptr<const Dataset> train_data() const override { return train_; }
  std::string data_fingerprint() const override { return fingerprint_; }
  int64_t loss_terms(const Batch& batch) const override { return batch.rows; }

  torch::Tensor loss(const Batch& batch) override {
    return at::cross_entropy_loss(logits(batch), labels(batch));
  }

  Metrics evaluate() override {
    const auto mean_loss = [&](const Batch& batch) { return loss(batch).item<double>(); };
    return over_both("loss", mean_loss);
  }

  Metrics end_epoch(int64_t) override {
    const auto accuracy = [&](const Batch& batch) {
      return logits(batch).argmax(-1).eq(labels(batch)).to(torch::kFloat64).mean().item<double>();
    };
    return over_both("accuracy", accuracy);
  }

  PlotOptions plot() const override {
    return {.title = "Classifier: loss", .keys = {"loss", "train_loss", "val_loss"}};
  }

 private:
  torch::Tensor logits(const Batch& batch) {
    const auto device = classifier_->gpt()->device();
    const PrecisionScope scope(config_.precision, device);
    return classifier_(to_tensor(batch.inputs, {batch.rows, batch.columns}, device),
                       to_tensor(batch.lengths, {batch.rows}, device))
        .to(torch::kFloat32);
  }
  torch::Tensor labels(const Batch& batch) {
    return to_tensor(batch.labels, {batch.rows}, classifier_->gpt()->device());
  }
  Metrics over_both(const std::string& name, const std::function<double(const Batch&)>& per_batch) {
    LoaderOptions options{
        .batch_size = config_.micro_batch_size, .shuffle = true, .drop_last = true};
    const double train = mean_over_batches(train_, options, config_.eval_batches, per_batch);
    options.shuffle = options.drop_last = false;
    const double validation =
        mean_over_batches(validation_, options, config_.eval_batches, per_batch);
    return {{"train_" + name, train}, {"val_" + name, validation}};
  }

  Classifier classifier_;
  std::shared_ptr<const Dataset> train_, validation_;
  std::string fingerprint_;
  const TrainConfig& config_;
};

std::string fingerprint(const std::vector<LabelledText>& rows) {
  std::string all;
  for (const auto& row : rows) all.append(row.text).append(concat('\0', row.label, '\n'));
  return sha256_hex(all).substr(0, 16);
}

OrderedJson report_on(const TextClassifier& model, const std::vector<LabelledText>& rows) {
  std::vector<std::string> texts;
  std::vector<int64_t> truth, predicted;
  for (const auto& row : rows) {
    texts.push_back(row.text);
    truth.push_back(row.label);
  }
  for (const auto& prediction : classify(model, texts)) predicted.push_back(prediction.label);
  return to_json(classification_report(truth, predicted, model.labels));
}

ClassificationData load_data(const FinetuneClassifyConfig& config) {
  const auto& data = config.data;
  return load_classification({.train = data.train,
                              .validation = data.validation,
                              .test = data.test,
                              .table = {.text_column = data.text_column,
                                        .label_column = data.label_column,
                                        .header = data.header,
                                        .quotes = data.quotes},
                              .labels = config.classifier.labels,
                              .balance = data.balance,
                              .train_fraction = data.split.at(0),
                              .validation_fraction = data.split.at(1),
                              .seed = static_cast<uint32_t>(config.seed)});
}

}  // namespace

FinetuneClassifyConfig load_finetune_classify_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins) {
  FinetuneClassifyConfig config;
  origins = load_config(config, inputs);
  validate(config.train);
  const auto& split = config.data.split;
  require(split.size() >= 2 && split.size() <= 3 && split[0] > 0 && split[1] > 0 &&
              split[0] + split[1] <= 1,
          "data.split: expected two shares, for training and validation, more than 0 and together "
          "at most 1 (the rest is for testing)");
  const auto& c = config.classifier;
  require(c.max_tokens >= 0, "classifier.max_tokens: ", c.max_tokens,
          " is out of range; expected 0 (the longest training text) or more");
  require(c.dropout >= 0 && c.dropout < 1, "classifier.dropout: ", c.dropout,
          " is out of range; expected at least 0 and less than 1");
  require(c.trainable_blocks >= 1, "classifier.trainable_blocks: ", c.trainable_blocks,
          " is out of range; expected at least 1");
  return config;
}

FinetuneClassifySummary run_finetune_classify(const TaskRequest& wanted) {
  const auto request = with_run_folder(wanted, "finetune-classify");
  ConfigOrigins origins;
  auto config = load_finetune_classify_config(request.inputs, origins);
  require(!config.data.train.empty(),
          "data.train: no labelled file; name one in the config or with --set data.train=FILE");
  const auto device = join_ranks(config.device, config.train);
  set_threads(request.threads);
  seed_everything(config.seed);

  const auto base = load_language_model(config.model.text, config.classifier.dropout);
  const int64_t context = base.gpt->config().context_length;
  require(config.classifier.max_tokens <= context,
          "classifier.max_tokens: ", config.classifier.max_tokens,
          " is longer than the model's context of ", context);
  require(!config.classifier.head_bias || !base.gpt->config().is_llama(),
          "classifier.head_bias: a Llama's class head is stored without a bias; leave it false");
  const auto data = load_data(config);
  TextClassifier model;
  model.tokenizer = base.tokenizer;
  model.labels = data.labels;
  model.pad_id = require_end_of_text(*base.tokenizer);
  const auto dataset = [&](const std::vector<LabelledText>& rows, int64_t max_tokens) {
    return std::make_shared<ClassificationDataset>(
        rows, *base.tokenizer,
        ClassificationDatasetOptions{
            .max_length = max_tokens,
            .context_length = context,
            .pad_id = model.pad_id,
            .pad_to_batch = config.classifier.pooling == Pooling::kLastToken});
  };
  const auto train_set = dataset(data.train, config.classifier.max_tokens);
  model.max_tokens = train_set->max_length();
  const auto validation_set = dataset(data.validation, model.max_tokens);

  seed_everything(config.seed);  // the head's weights do not depend on what was drawn before
  model.classifier = Classifier(base.gpt, static_cast<int64_t>(model.labels.size()),
                                config.classifier.pooling, config.classifier.head_bias);
  auto head = model.classifier->head();
  initialize_linear_(head);
  freeze(model.classifier, config.classifier);
  model.classifier->to(device);

  const RunFolder run(request.out, request.mode);
  run.write_config(config_to_yaml(config));
  log_info("texts: ", data.train.size(), " to train, ", data.validation.size(), " to validate, ",
           data.test.size(), " to test; at most ", model.max_tokens, " tokens, ",
           train_set->truncated(), " training texts cut to it");
  seed_everything(config.seed);
  ClassifyTask task(model.classifier, train_set, validation_set, fingerprint(data.train),
                    config.train);
  FinetuneClassifySummary summary{train(task, config.train, run), run.path(), {}};
  if (!world().is_main()) return summary;

  model.classifier->eval();
  summary.report["train"] = report_on(model, data.train);
  summary.report["validation"] = report_on(model, data.validation);
  if (!data.test.empty()) summary.report["test"] = report_on(model, data.test);
  write_file_atomic(run.path() / "report.json", dump_json(summary.report, 2) + "\n");
  run.write_model([&](const fs::path& folder) { save_text_classifier(folder, model); });
  return summary;
}

}  // namespace gptkit
