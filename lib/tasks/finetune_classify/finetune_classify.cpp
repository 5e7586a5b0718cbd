#include "tasks/finetune_classify/finetune_classify.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>

#include "base/files.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/strings.h"
#include "data/corpus/token_shard.h"
#include "data/fingerprint.h"
#include "distributed/world.h"
#include "models/adapter.h"
#include "models/init.h"
#include "tasks/finetune_classify/classify_task.h"
#include "tasks/finetune_classify/trust_report.h"
#include "tensors/device.h"
#include "train/finished.h"

namespace gptkit {

namespace {

/// Lets the last n blocks and the final norm learn.
void thaw_blocks(const GPT& gpt, int64_t n) {
  require(n >= 1 && n <= gpt->config().n_layer, "classifier.trainable_blocks: ", n,
          " is out of range; the model has ", gpt->config().n_layer, " blocks");
  for (int64_t i = gpt->config().n_layer - n; i < gpt->config().n_layer; ++i) {
    for (auto& parameter : gpt->block(i)->parameters()) parameter.requires_grad_(true);
  }
  if (const auto norm = gpt->final_norm()) {
    for (auto& parameter : norm->parameters()) parameter.requires_grad_(true);
  }
}

/// Freezes everything but what the config lets learn, and puts the adapters in, if it has any.
AdapterLayers choose_what_learns(Classifier& classifier, const FinetuneClassifyConfig& config) {
  auto gpt = classifier->gpt();
  const auto head = classifier->head();
  if (config.lora.rank > 0) {
    for (auto& parameter : gpt->parameters()) parameter.requires_grad_(false);
    const auto adapter = make_adapter(gpt, head, config.lora);
    attach(adapter);
    if (head->lora()) head->weight.requires_grad_(false);
    return adapter;
  }
  const auto& c = config.classifier;
  // Takes no part in the loss: several processes would wait for its gradient in vain.
  if (gpt->head() && c.language_model_loss == 0) gpt->head()->weight.requires_grad_(false);
  if (c.trainable == Trainable::kAll) return {};
  for (auto& parameter : gpt->parameters()) parameter.requires_grad_(false);
  if (c.trainable == Trainable::kLastBlock) thaw_blocks(gpt, 1);
  if (c.trainable == Trainable::kLastN) thaw_blocks(gpt, c.trainable_blocks);
  return {};
}

/// Version 0.1's: texts and classes alone.
std::string old_fingerprint(const std::vector<LabelledText>& rows) {
  std::string all;
  for (const auto& row : rows) all.append(row.text).append(concat('\0', row.label, '\n'));
  return sha256_hex(all).substr(0, 16);
}

std::string fingerprint(const ClassificationData& data, const ClassificationDataset& train,
                        const ClassificationDataset& validation, const Tokenizer& tokenizer,
                        const std::vector<double>& class_weights) {
  Fingerprint all;
  for (const auto& part :
       {train.fingerprint(), validation.fingerprint(), tokenizer_sha256(tokenizer)}) {
    all.add(part);
  }
  for (const auto& label : data.labels) all.add(label);
  for (const double weight : class_weights) all.add(weight);
  return data_fingerprint(old_fingerprint(data.train), all);
}

/// The line that counts the rows that are left out or cut.
void tell_left_out(const ClassificationData& data, const ClassificationDataset& train,
                   const ClassificationDataset& validation) {
  std::string counts;
  if (data.skipped_empty > 0) counts += concat(data.skipped_empty, " without text are left out");
  if (const int64_t cut = train.truncated() + validation.truncated(); cut > 0) {
    counts += concat(counts.empty() ? "" : ", ", cut, " are cut to ", train.max_length(),
                     " tokens (training and validation)");
  }
  if (!counts.empty()) log_warning("rows: ", counts);
}

template <class Enum>
std::string enum_name(Enum wanted) {
  for (const auto& [name, value] : enum_names(wanted)) {
    if (value == wanted) return std::string(name);
  }
  return {};
}

/// The rows of metrics.jsonl.
std::vector<OrderedJson> read_metrics(const fs::path& path) {
  std::vector<OrderedJson> rows;
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);) {
    rows.push_back(parse_json_ordered(line, path.string()));
  }
  return rows;
}

/// The run's seed decides the split too, unless that is to stay while the seed changes.
uint32_t data_seed(const FinetuneClassifyConfig& config) {
  return static_cast<uint32_t>(config.data.seed >= 0 ? config.data.seed : config.seed);
}

ClassificationData load_data(const FinetuneClassifyConfig& config) {
  const auto& data = config.data;
  ClassificationOptions options;  // a temporary with designators is too much for GCC 12
  options.train = data.train;
  options.validation = data.validation;
  options.test = data.test;
  options.table.text_column = data.text_column;
  options.table.label_column = data.label_column;
  options.table.pair_column = data.pair_column;
  options.table.header = data.header;
  options.table.quotes = data.quotes;
  options.labels = config.classifier.labels;
  options.balance = data.balance;
  options.train_fraction = data.split.at(0);
  options.validation_fraction = data.split.at(1);
  options.seed = data_seed(config);
  return load_classification(options);
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
  require(c.language_model_loss >= 0 && c.language_model_loss <= 100,
          "classifier.language_model_loss: ", c.language_model_loss,
          " is out of range; expected 0 (none) to 100");
  require(c.causal || c.language_model_loss == 0,
          "classifier.language_model_loss: tokens that see those behind them have nothing to "
          "predict; leave it 0, or classifier.causal true");
  require(
      c.causal || c.pooling == Pooling::kLastPosition,
      "classifier.causal: false needs classifier.pooling last_position, whose padding is always "
      "the same");
  require(
      c.frozen_trunk_dtype == Precision::kFloat32 || c.frozen_trunk_dtype == Precision::kBFloat16,
      "classifier.frozen_trunk_dtype: expected float32 or bfloat16");
  require(config.data.folds == 0 || (config.data.folds >= 2 && config.data.folds <= 100),
          "data.folds: ", config.data.folds,
          " is out of range; expected 0 (train once) or 2 to 100");
  validate(config.lora);
  return config;
}

namespace {

/// One training: data and the folder it goes to.
class Finetuning {
 public:
  Finetuning(const FinetuneClassifyConfig& config, torch::Device device,
             const ClassificationData& data)
      : config_(config), device_(device), data_(data) {}

  /// The folder is made once data and model have been read.
  FinetuneClassifySummary run(const fs::path& folder, RunMode mode, RunContext context) {
    prepare_model();
    const auto train_set = dataset(data_.train, config_.classifier.max_tokens);
    model_.max_tokens = train_set->max_length();
    const auto validation_set = dataset(data_.validation, model_.max_tokens);
    prepare_head();
    const RunFolder run(folder, mode, std::move(context));
    run.write_config(config_to_yaml(config_), restated_config<FinetuneClassifyConfig>);
    FinetuneClassifySummary summary{.run = run.path()};
    for (const auto& parameter : model_.classifier->parameters()) {
      if (parameter.requires_grad()) summary.trainable_parameters += parameter.numel();
    }
    fingerprint_ =
        fingerprint(data_, *train_set, *validation_set, *model_.tokenizer, loss_weights());
    if (nothing_left(run, summary)) return summary;
    log_info("texts: ", data_.train.size(), " to train, ", data_.validation.size(),
             " to validate, ", data_.test.size(), " to test; at most ", model_.max_tokens,
             " tokens");
    tell_left_out(data_, *train_set, *validation_set);

    ClassifyTaskOptions options{.fingerprint = fingerprint_, .config = config_.train};
    options.class_weights = loss_weights();
    options.language_model_loss = config_.classifier.language_model_loss;
    std::optional<FrozenTrunk> train_trunk, validation_trunk;
    if (const int64_t blocks = trunk_blocks(); blocks > 0) {
      const auto trunk = trunk_options(run.path());
      try {
        train_trunk.emplace(model_.classifier, *train_set, blocks, trunk);
        validation_trunk.emplace(model_.classifier, *validation_set, blocks, trunk);
      } catch (const Stopped& stopped) {  // in a fold or row after the first
        throw Stopped(stopped.signal(),
                      concat("stopped before the first step of ", run.path().string(),
                             "; go on with: ", run.resume_command()));
      }
      options.train_trunk = &*train_trunk;
      options.validation_trunk = &*validation_trunk;
    }
    log_info(format_count(summary.trainable_parameters), " parameters learn");
    seed_everything(config_.seed);
    ClassifyTask task(model_.classifier, train_set, validation_set, options);
    summary.train = train(task, config_.train, run);
    if (!world().is_main()) return summary;
    leave_classifier(run, summary.train);
    TrustReportOptions report{.class_weights = options.class_weights,
                              .precision = config_.train.precision};
    if (train_trunk) {
      report.known["train"] = known(*train_set, *train_trunk);
      report.known["validation"] = known(*validation_set, *validation_trunk);
    }
    leave_report(run, summary, report);
    return summary;
  }

 private:
  void prepare_model() {
    const auto base =
        load_language_model(config_.model.text, {.dropout = config_.classifier.dropout});
    const auto& c = config_.classifier;
    const int64_t context = base.gpt->config().context_length;
    require(c.max_tokens <= context, "classifier.max_tokens: ", c.max_tokens,
            " is longer than the model's context of ", context);
    require(!c.head_bias || base.gpt->config().norm == NormKind::kLayer,
            "classifier.head_bias: a Llama's class head is stored without a bias; leave it false");
    model_.tokenizer = base.tokenizer;
    model_.labels = data_.labels;
    model_.roles = base.roles;
    model_.pad_id = base.roles.pad ? *base.roles.pad : require_end_of_text(*base.tokenizer);
    model_.truncate = c.truncate;
    model_.causal = c.causal;
    model_.pairs = !config_.data.pair_column.empty();
    gpt_ = base.gpt;
    gpt_->set_causal(c.causal);
  }

  /// Draws the head: its weights do not depend on what was drawn before.
  void prepare_head() {
    seed_everything(config_.seed);
    if (config_.classifier.random_weights) initialize_(gpt_);
    model_.classifier = Classifier(gpt_, std::ssize(model_.labels), config_.classifier.pooling,
                                   config_.classifier.head_bias);
    auto head = model_.classifier->head();
    initialize_linear_(head);
    adapter_ = choose_what_learns(model_.classifier, config_);
    model_.classifier->to(device_);
  }

  std::shared_ptr<const ClassificationDataset> dataset(const std::vector<LabelledText>& rows,
                                                       int64_t max_tokens) const {
    return std::make_shared<ClassificationDataset>(
        rows, *model_.tokenizer,
        ClassificationDatasetOptions{
            .max_length = max_tokens,
            .context_length = gpt_->config().context_length,
            .pad_id = model_.pad_id,
            .pad_to_batch = config_.classifier.pooling != Pooling::kLastPosition,
            .truncate = config_.classifier.truncate});
  }

  std::vector<double> loss_weights() const {
    if (config_.data.balance != Balance::kWeights) return {};
    return class_weights(data_.train, std::ssize(data_.labels));
  }
  int64_t trunk_blocks() const {
    const bool off = config_.classifier.frozen_trunk == TrunkStore::kOff;
    return off ? 0 : frozen_blocks(model_.classifier);
  }
  FrozenTrunk::Options trunk_options(const fs::path& folder) const {
    const bool half = config_.classifier.frozen_trunk_dtype == Precision::kBFloat16;
    return {.store = config_.classifier.frozen_trunk,
            .precision = config_.train.precision,
            .dtype = half ? torch::kBFloat16 : torch::kFloat32,
            .folder = folder};
  }

  /// Whether the run that is resumed had ended and left its report.
  bool nothing_left(const RunFolder& run, FinetuneClassifySummary& summary) const {
    const auto done = nothing_left_to_train(run, fingerprint_);
    if (!done) return false;
    const auto file = run.path() / "report.json";
    const bool there = world().is_main() && fs::exists(file);
    const auto report = world().broadcast_text(there ? read_file(file) : "");
    if (report.empty()) return false;
    summary.train = *done;
    summary.report = parse_json_ordered(report, file.string());
    return true;
  }

  /// After the last step: the adapter, which is then merged, and the model.
  void leave_classifier(const RunFolder& run, const TrainSummary& summary) {
    model_.classifier->eval();
    SaveModel adapter;
    if (!adapter_.empty()) {
      adapter = [&](const fs::path& folder) {
        save_classifier_adapter(folder, model_, config_.lora, config_.model.text);
      };
    }
    leave_model(
        run, summary, fingerprint_,
        [&](const fs::path& folder) {
          merge_(adapter_);
          save_text_classifier(folder, model_);
        },
        adapter);
    if (summary.was_finished) merge_(adapter_);
  }

  void leave_report(const RunFolder& run, FinetuneClassifySummary& summary,
                    const TrustReportOptions& options) {
    try {
      const auto report =
          make_trust_report(model_, data_, config_.report, about(run, summary), options);
      write_trust_report(report, run.path());
      summary.report = to_json(report);
    } catch (const Stopped& stopped) {
      throw Stopped(stopped.signal(),
                    concat("stopped before the report was written; the model in ",
                           (run.path() / "model").string(),
                           " is complete; make the report with: ", run.resume_command()));
    }
  }

  SplitLogits known(const ClassificationDataset& data, const FrozenTrunk& trunk) {
    return {logits_after_trunk(model_.classifier, data, trunk, config_.train.precision),
            data.truncated()};
  }

  ClassifierReportInput about(const RunFolder& run, const FinetuneClassifySummary& summary) const {
    const auto& c = config_;
    ClassifierReportInput about{.model_name = c.model.text};
    about.metrics = read_metrics(run.path() / "metrics.jsonl");
    about.seconds = summary.train.seconds;
    about.trained_parameters = summary.trainable_parameters;
    about.parameters = parameter_count(gpt_->config());
    about.settings = {{"learning", c.lora.rank > 0 ? concat("adapters of rank ", c.lora.rank)
                                                   : enum_name(c.classifier.trainable)},
                      {"pooling", enum_name(c.classifier.pooling)},
                      {"balance", enum_name(c.data.balance)},
                      {"learning rate", concat(c.train.lr)},
                      {"epochs", concat(c.train.epochs)},
                      {"steps", concat(summary.train.steps)},
                      {"batch", concat(c.train.batch_size())},
                      {"best checkpoint kept", c.train.keep_best ? "yes" : "no"},
                      {"stopped early", summary.train.stopped_early ? "yes" : "no"},
                      {"seed", concat(c.seed)}};
    return about;
  }

  FinetuneClassifyConfig config_;
  torch::Device device_;
  const ClassificationData& data_;
  GPT gpt_{nullptr};
  TextClassifier model_;
  AdapterLayers adapter_;
  std::string fingerprint_;
};

/// The data of fold `i`: tested on it, validated on a part of the rest, trained on what remains.
ClassificationData fold_data(const std::vector<std::vector<LabelledText>>& folds, size_t i,
                             const ClassificationData& all, const FinetuneClassifyConfig& config) {
  ClassificationData data;
  data.labels = all.labels;
  std::vector<LabelledText> rest;
  for (size_t f = 0; f < folds.size(); ++f) {
    auto& part = f == i ? data.test : rest;
    part.insert(part.end(), folds[f].begin(), folds[f].end());
  }
  const int64_t parts = std::max<int64_t>(2, std::llround(1 / config.data.split.at(1)));
  const auto cut = stratified_folds(rest, data.labels, parts, data_seed(config));
  data.validation = cut.front();
  for (size_t p = 1; p < cut.size(); ++p) {
    data.train.insert(data.train.end(), cut[p].begin(), cut[p].end());
  }
  return data;
}

/// {"mean": ..., "smallest": ..., "largest": ...} of a figure over the folds.
OrderedJson over_folds(const std::vector<OrderedJson>& tests, const Json::json_pointer& figure) {
  double sum = 0, low = 1, high = 0;
  for (const auto& test : tests) {
    const double value = test.at(OrderedJson::json_pointer(figure.to_string())).get<double>();
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {{"mean", sum / static_cast<double>(tests.size())}, {"smallest", low}, {"largest", high}};
}

OrderedJson folds_report(const std::vector<OrderedJson>& tests,
                         const std::vector<std::string>& labels) {
  OrderedJson report;
  report["folds"] = tests;
  report["accuracy"] = over_folds(tests, Json::json_pointer("/accuracy"));
  for (const auto& label : labels) {
    Json::json_pointer figure("/classes");
    figure /= label;
    figure /= "f1";
    report["f1"][label] = over_folds(tests, figure);
  }
  return report;
}

/// A fold has the settings of all of them, and none of its own to go on with.
void refuse_lone_fold(const TaskRequest& request) {
  std::error_code ignored;
  const auto all = fs::weakly_canonical(request.out, ignored).parent_path();
  const bool lone = request.mode == RunMode::kResume && fs::exists(request.out / "metrics.jsonl");
  require(!lone, request.out.string(),
          ": is one fold of several; go on with all of them: ", Key{"out"}, " ", all.string(), " ",
          Key{"resume"});
}

/// Tested on each fold in turn, in <out>/fold-1 ...; a resumed run keeps the folds that are done.
FinetuneClassifySummary run_folds(const FinetuneClassifyConfig& config, const TaskRequest& request,
                                  const RunContext& context, torch::Device device,
                                  const ClassificationData& data) {
  auto rows = data.train;
  rows.insert(rows.end(), data.validation.begin(), data.validation.end());
  rows.insert(rows.end(), data.test.begin(), data.test.end());
  const auto folds = stratified_folds(rows, data.labels, config.data.folds, data_seed(config));
  refuse_lone_fold(request);
  const RunFolder run(request.out, request.mode, context);
  run.write_config(config_to_yaml(config), restated_config<FinetuneClassifyConfig>);
  FinetuneClassifySummary all{.run = request.out};
  std::vector<OrderedJson> tests;
  for (size_t i = 0; i < folds.size(); ++i) {
    log_info("fold ", i + 1, " of ", folds.size());
    const auto part = fold_data(folds, i, data, config);
    const auto folder = request.out / concat("fold-", i + 1);
    const auto mode = run.mode_of(folder);
    auto summary = Finetuning(config, device, part)
                       .run(folder, mode, {.inputs = context.inputs, .outer = &run});
    all.train.steps += summary.train.steps;
    all.train.tokens += summary.train.tokens;
    all.train.seconds += summary.train.seconds;
    all.train.was_finished = summary.train.was_finished && (i == 0 || all.train.was_finished);
    all.trainable_parameters = summary.trainable_parameters;
    if (world().is_main()) tests.push_back(summary.report.at("test"));
  }
  if (!world().is_main()) return all;
  all.report = folds_report(tests, data.labels);
  write_file_atomic(request.out / "report.json", dump_json(all.report, 2) + "\n");
  return all;
}

/// Files and folders that the run reads.
std::vector<fs::path> inputs_of(const FinetuneClassifyConfig& config) {
  auto inputs = config.data.train;
  for (const auto* more : {&config.data.validation, &config.data.test}) {
    inputs.insert(inputs.end(), more->begin(), more->end());
  }
  inputs.emplace_back(config.model.text);
  return inputs;
}

}  // namespace

FinetuneClassifySummary run_finetune_classify(const TaskRequest& wanted) {
  const auto request = with_run_folder(wanted, "finetune-classify");
  ConfigOrigins origins;
  auto config = load_finetune_classify_config(request.inputs, origins);
  require(!config.data.train.empty(), Key{"data.train"},
          ": no labelled file; set it in the config file or with ", Key{"data.train", "FILE"});
  const auto device = join_ranks(config.device, config.train);
  set_threads(request.threads);
  seed_everything(config.seed);
  const auto data = load_data(config);
  validate(config.report, data.labels);
  const auto context = run_context(request, inputs_of(config));
  if (config.data.folds > 0) return run_folds(config, request, context, device, data);
  return Finetuning(config, device, data).run(request.out, request.mode, context);
}

}  // namespace gptkit
