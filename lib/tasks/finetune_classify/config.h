#pragma once
// The configuration of finetune-classify.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/config/config.h"
#include "data/tables/classification.h"
#include "models/heads/classifier.h"
#include "nn/lora.h"
#include "tasks/finetune_classify/frozen_backbone.h"
#include "tasks/finetune_classify/trust_report.h"
#include "train/config.h"

namespace gptkit {

/// The weights that are trained; the class head always is.
enum class Trainable {
  kHead,       ///< only the class head
  kLastBlock,  ///< and the last block and the final norm: the book
  kLastN,      ///< and the last `trainable_blocks` blocks and the final norm
  kAll,
};
constexpr auto enum_names(Trainable) {
  return std::array{std::pair{"head", Trainable::kHead},
                    std::pair{"last_block", Trainable::kLastBlock},
                    std::pair{"last_n", Trainable::kLastN}, std::pair{"all", Trainable::kAll}};
}

struct ClassifyDataConfig {
  std::vector<std::filesystem::path> train, validation, test;
  TableColumns columns;  // its fields are the section's own
  Balance balance = Balance::kNone;
  ClassificationSplit split;
  int64_t folds = 0;
  int64_t seed = -1;
};

template <class Visitor>
void visit_fields(ClassifyDataConfig& c, Visitor&& visit) {
  visit("train", c.train, "labelled .tsv, .csv, .jsonl or .json files");
  visit("validation", c.validation, "files; none: a share of train");
  visit("test", c.test, "files; none: a share of train");
  visit_fields(c.columns, visit);
  visit("balance", c.balance,
        "none; smallest: sample every class down to the smallest (the book); weights: weight the "
        "loss "
        "by class");
  visit("split", c.split, "shares of train for each split, when validation has no files");
  visit("folds", c.folds,
        "k-fold cross-validation: train k times, test each row once; 0: train once");
  visit("seed", c.seed, "seed of balancing and splitting; -1: the seed of the run");
}

struct ClassifierConfig {
  static constexpr std::array kRenamedKeys = {
      RenamedKey{"frozen_trunk", "frozen_backbone"},
      RenamedKey{"frozen_trunk_dtype", "frozen_backbone_dtype"}};

  std::vector<std::string> labels;
  Pooling pooling = Pooling::kLastToken;
  Trainable trainable = Trainable::kAll;
  int64_t trainable_blocks = 2;
  int64_t max_tokens = 0;
  Truncate truncate = Truncate::kRight;
  bool causal = true;
  bool random_weights = false;
  bool head_bias = false;
  double dropout = 0.0;
  double language_model_loss = 0.0;
  BackboneStore frozen_backbone = BackboneStore::kAuto;
  Precision frozen_backbone_dtype = Precision::kFloat32;
};

template <class Visitor>
void visit_fields(ClassifierConfig& c, Visitor&& visit) {
  visit("labels", c.labels, "names of class 0, 1, ...; empty: the labels of the data, sorted");
  visit("pooling", c.pooling,
        "last_token, last_position (the book's padded variant), mean or first_token");
  visit("trainable", c.trainable, "head, last_block, last_n or all");
  visit("trainable_blocks", c.trainable_blocks, "n of last_n");
  visit("max_tokens", c.max_tokens, "longer texts are cut; 0: the longest training text");
  visit("truncate", c.truncate, "side that is cut: right or left; or refuse long texts");
  visit("causal", c.causal, "false: bidirectional attention (requires pooling last_position)");
  visit("random_weights", c.random_weights, "start from random weights, for comparison");
  visit("head_bias", c.head_bias, "the class head has a bias, as in the book");
  visit("dropout", c.dropout, "dropout during finetuning");
  visit("language_model_loss", c.language_model_loss,
        "weight of the language model loss beside the class loss (0.5 in the GPT paper)");
  visit("frozen_backbone", c.frozen_backbone,
        "where the output of the frozen blocks for each text is kept: auto, memory, file or off");
  visit("frozen_backbone_dtype", c.frozen_backbone_dtype,
        "dtype of that output: float32 or bfloat16");
}

struct FinetuneClassifyConfig {
  int64_t seed = 123;
  std::string device = "auto";
  NameOrPath model = {"gpt2"};
  ClassifyDataConfig data;
  ClassifierConfig classifier;
  LoraConfig lora;
  TrustReportConfig report;
  TrainConfig train = {.epochs = 5,
                       .lr = 5e-5,
                       .schedule = Schedule::kConstant,
                       .group_by_length = true,
                       .eval_every = 50};
};

template <class Visitor>
void visit_fields(FinetuneClassifyConfig& c, Visitor&& visit) {
  visit("seed", c.seed, "seed of head, order, split and dropout; -1: a new one");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
  visit("model", c.model, "the pretrained model: a folder or a name");
  visit("data", c.data, "labelled texts");
  visit("classifier", c.classifier, "the class head and which weights learn");
  visit("lora", c.lora, "low-rank adapters; with a rank above 0 only they and the head learn");
  visit("report", c.report, "the report on the classifier");
  visit("train", c.train, "training settings");
}

/// Reads and validates.
FinetuneClassifyConfig load_finetune_classify_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins);

/// The run's seed also decides the split, unless data.seed is set: then the split is the same for
/// every seed of the run.
uint32_t data_seed(const FinetuneClassifyConfig& config);

}  // namespace gptkit
