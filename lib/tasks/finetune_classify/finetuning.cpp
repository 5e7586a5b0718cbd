#include "tasks/finetune_classify/finetuning.h"

#include <fstream>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/stop.h"
#include "report/metrics_report.h"
#include "tasks/finetune_classify/classify_objective.h"
#include "tasks/finetune_classify/datasets.h"
#include "tasks/finetune_classify/preparation.h"
#include "tasks/finetune_classify/trust_report.h"
#include "tasks/training/seed.h"
#include "train/finished.h"

namespace gptkit {

namespace {

constexpr const char* kSplits[] = {"train", "validation", "test"};

/// The output of the frozen blocks for the training and validation texts, if any block is frozen.
struct FrozenBackbones {
  std::optional<FrozenBackbone> train, validation;
};

FrozenBackbones run_frozen_blocks(const TextClassifier& model, const ClassifyDatasets& sets,
                                  const FinetuneClassifyConfig& config, const RunFolder& run) {
  FrozenBackbones made;
  const auto& c = config.classifier;
  const bool off = c.frozen_backbone == BackboneStore::kOff;
  const int64_t blocks = off ? 0 : frozen_blocks(model.classifier);
  if (blocks == 0) return made;
  const bool half = c.frozen_backbone_dtype == Precision::kBFloat16;
  const FrozenBackbone::Options options{.store = c.frozen_backbone,
                                        .precision = config.train.precision,
                                        .dtype = half ? torch::kBFloat16 : torch::kFloat32,
                                        .folder = run.path()};
  try {
    made.train.emplace(model.classifier, *sets.train, blocks, options);
    made.validation.emplace(model.classifier, *sets.validation, blocks, options);
  } catch (const Stopped& stopped) {  // in a fold or row after the first
    throw Stopped(stopped.signal(), concat("stopped before the first step of ", run.path().string(),
                                           "; continue with: ", run.resume_command()));
  }
  return made;
}

/// The summary of a run that had already finished and written its report.
std::optional<FinetuneClassifySummary> finished_summary(const RunContext& context,
                                                        const std::string& fingerprint) {
  const auto done = nothing_left_to_train(context, fingerprint);
  if (!done) return std::nullopt;
  const auto file = context.folder.path() / "report.json";
  const bool there = context.world.is_main() && fs::exists(file);
  const auto text = context.world.broadcast_text(there ? read_file(file) : "");
  if (text.empty()) return std::nullopt;
  FinetuneClassifySummary summary{.train = *done};
  summary.report = parse_json_ordered(text, file.string());
  for (const char* split : kSplits) {
    if (!summary.report.contains(split)) continue;
    summary.splits[split] =
        classification_metrics_from_json(summary.report.at(split), file.string());
  }
  return summary;
}

/// After the last step: writes the adapter, merges it, and writes the model.
void leave_classifier(const TextClassifier& model, const AdapterLayers& adapter,
                      const FinetuneClassifyConfig& config, const RunFolder& run,
                      const TrainSummary& summary, const std::string& fingerprint) {
  auto classifier = model.classifier;
  classifier->eval();
  SaveModel save_adapter;
  if (!adapter.empty()) {
    save_adapter = [&](const fs::path& folder) {
      save_classifier_adapter(folder, model, config.lora, config.model.text);
    };
  }
  leave_model(
      run, summary, fingerprint,
      [&](const fs::path& folder) {
        merge_(adapter);
        save_text_classifier(folder, model);
      },
      save_adapter);
  if (summary.was_finished) merge_(adapter);
}

/// For splits whose frozen blocks have run, the predictions start from their output.
std::vector<SplitPredictions> predict_splits(const TextClassifier& model,
                                             const ClassificationData& data,
                                             const ClassifyDatasets& sets,
                                             const FrozenBackbones& frozen, Precision precision) {
  const auto predictions = [&](const char* name, const std::vector<LabelledText>& rows,
                               const ClassificationDataset& set,
                               const std::optional<FrozenBackbone>& backbone) {
    if (!backbone) return predict_split(model, name, rows, set, precision);
    const auto logits = logits_after_backbone(model.classifier, set, *backbone, precision);
    return predictions_of(name, rows, set, logits);
  };
  std::vector<SplitPredictions> splits;
  splits.push_back(predictions("train", data.train, *sets.train, frozen.train));
  splits.push_back(predictions("validation", data.validation, *sets.validation, frozen.validation));
  if (sets.test) splits.push_back(predictions("test", data.test, *sets.test, std::nullopt));
  return splits;
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

template <class Enum>
std::string enum_name(Enum wanted) {
  for (const auto& [name, value] : enum_names(wanted)) {
    if (value == wanted) return std::string(name);
  }
  return {};
}

/// The part of the report about the training.
ClassifierReportInput about(const FinetuneClassifyConfig& c, const ModelConfig& model,
                            const RunFolder& run, const FinetuneClassifySummary& summary) {
  ClassifierReportInput about{.model_name = c.model.text};
  about.training_metrics = read_metrics(run.path() / "metrics.jsonl");
  about.seconds = summary.train.seconds;
  about.trained_parameters = summary.trainable_parameters;
  about.parameters = parameter_count(model);
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

}  // namespace

FinetuneClassifySummary finetune(const FinetuningJob& job, const fs::path& folder, RunMode mode,
                                 RunFolderOptions options) {
  const auto& [config, world, device, data] = job;
  auto backbone = open_backbone(config, data.labels);
  auto& model = backbone.model;
  const auto& shape = backbone.gpt->config();
  const auto sets = make_datasets(data, model, shape.context_length, config.classifier);
  model.max_tokens = sets.train->max_length();
  const auto adapter = add_head(backbone, config, device);

  const RunFolder run(folder, mode, std::move(options));
  run.write_config(config_to_yaml(config), restated_config<FinetuneClassifyConfig>);
  const RunContext context{world, device, config.seed, run};
  const auto class_weights = loss_weights(data, config.data.balance);
  const auto fingerprint = fingerprint_of(data, sets, *model.tokenizer, class_weights);
  const auto parameters = trainable_parameters(model.classifier);
  if (auto done = finished_summary(context, fingerprint)) {
    done->run = run.path();
    done->trainable_parameters = parameters;
    return *done;
  }
  log_rows(data, sets);
  const auto frozen = run_frozen_blocks(model, sets, config, run);
  log_info(format_count(parameters), " trainable parameters");
  seed_everything(config.seed);
  ClassifyObjective objective(
      model.classifier, {.class_weights = class_weights,
                         .language_model_loss = config.classifier.language_model_loss,
                         .mean_tokens = sets.train->mean_length(),
                         .train_backbone = frozen.train ? &*frozen.train : nullptr,
                         .validation_backbone = frozen.validation ? &*frozen.validation : nullptr});
  TrainingData training_data{sets.train, sets.validation, fingerprint};
  training_data.match_validation = true;
  Training training(objective, std::move(training_data), config.train);
  training.plot_title = "Classifier: loss";
  FinetuneClassifySummary summary{.run = run.path(), .trainable_parameters = parameters};
  summary.train = train(training, context);
  if (!world.is_main()) return summary;

  leave_classifier(model, adapter, config, run, summary.train, fingerprint);
  try {
    auto input = about(config, shape, run, summary);
    input.splits = predict_splits(model, data, sets, frozen, config.train.precision);
    input.skipped_empty = data.skipped_empty;
    const auto report = make_trust_report(model, config.report, std::move(input), class_weights);
    write_trust_report(report, run.path());
    summary.report = to_json(report);
    for (const auto& split : report.splits) {
      summary.splits[split.name] = split.metrics.classification;
    }
  } catch (const Stopped& stopped) {
    throw Stopped(stopped.signal(),
                  concat("stopped before the report was written; the model in ",
                         (run.path() / "model").string(),
                         " is complete; write the report with: ", run.resume_command()));
  }
  return summary;
}

}  // namespace gptkit
