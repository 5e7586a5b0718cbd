#pragma once
// Finetuning a pretrained GPT into a text classifier (the book's chapter 6).

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "data/tables/classification.h"
#include "models/heads/classifier.h"
#include "nn/lora.h"
#include "tasks/finetune_classify/frozen_trunk.h"
#include "tasks/finetune_classify/trust_report.h"
#include "tasks/training/common.h"
#include "train/trainer.h"

namespace gptkit {

/// Which weights learn; the class head always does.
enum class Trainable {
  kHead,       ///< the class head alone
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
  std::string text_column, label_column, pair_column;
  TableHeader header = TableHeader::kAuto;
  bool quotes = true;
  Balance balance = Balance::kNone;
  std::vector<double> split = {0.7, 0.1};
  int64_t folds = 0;
  int64_t seed = -1;
};

template <class Visitor>
void visit_fields(ClassifyDataConfig& c, Visitor&& visit) {
  visit("train", c.train, "labelled .tsv, .csv, .jsonl or .json files");
  visit("validation", c.validation, "files; none: a part of train");
  visit("test", c.test, "files; none: the rest of train");
  visit("text_column", c.text_column, "name or number; empty: text, else the second");
  visit("label_column", c.label_column, "name or number; empty: label, else the first");
  visit("pair_column", c.pair_column, "a second text, read behind the first; empty: none");
  visit("header", c.header,
        "auto, none (false) or first_row (true); auto knows one by its names or its label");
  visit("quotes", c.quotes, "double quotes enclose fields, as in CSV");
  visit("balance", c.balance,
        "none; smallest: every class cut to the smallest (the book); weights: rare classes' losses "
        "count more");
  visit("split", c.split, "shares of train for training and validation; the rest is for testing");
  visit("folds", c.folds,
        "k-fold cross-validation: train k times, each row tested once; 0: train once");
  visit("seed", c.seed, "of balancing and splitting; -1: the run's");
}

struct ClassifierConfig {
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
  TrunkStore frozen_trunk = TrunkStore::kAuto;
  Precision frozen_trunk_dtype = Precision::kFloat32;
};

template <class Visitor>
void visit_fields(ClassifierConfig& c, Visitor&& visit) {
  visit("labels", c.labels, "names of class 0, 1, ...; empty: those of the data, sorted");
  visit("pooling", c.pooling,
        "last_token, last_position (the book's padded variant), mean or first_token");
  visit("trainable", c.trainable, "head, last_block, last_n or all");
  visit("trainable_blocks", c.trainable_blocks, "n of last_n");
  visit("max_tokens", c.max_tokens, "longer texts are cut; 0: the longest training text");
  visit("truncate", c.truncate, "right or left: the end that is cut; or refuse such texts");
  visit("causal", c.causal, "false: tokens see those behind them, too (needs last_position)");
  visit("random_weights", c.random_weights, "forget what was pretrained, for comparison");
  visit("head_bias", c.head_bias, "a bias on the class head, as in the book");
  visit("dropout", c.dropout, "while finetuning");
  visit("language_model_loss", c.language_model_loss,
        "what predicting the texts' next tokens counts beside the class (0.5 in GPT's paper)");
  visit("frozen_trunk", c.frozen_trunk,
        "keep what the blocks that do not learn make of each text: auto, memory, file or off");
  visit("frozen_trunk_dtype", c.frozen_trunk_dtype, "it is kept in float32 or bfloat16");
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
  visit("seed", c.seed, "of the head, order, split and dropout; -1: a new one");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
  visit("model", c.model, "the pretrained model: a folder or a name");
  visit("data", c.data, "labelled texts");
  visit("classifier", c.classifier, "the class head and what learns");
  visit("lora", c.lora, "low-rank adapters: with a rank, they learn and the model does not");
  visit("report", c.report, "what it leaves for people");
  visit("train", c.train, "how");
}

/// Reads and validates.
FinetuneClassifyConfig load_finetune_classify_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins);

struct FinetuneClassifySummary {
  TrainSummary train = {};
  std::filesystem::path run;
  OrderedJson report =
      {};  // report.json: {"train": {...}, "validation": {...}, "test": {...}, ...}
  int64_t trainable_parameters = 0;
};

/// Trains, evaluates on whole splits, and leaves the classifier in <out>/model; adapters in PEFT's
/// layout in <out>/adapter beside it, where they are merged. With data.folds the runs are
/// <out>/fold-1 ..., and the report has each one's test figures and their mean.
FinetuneClassifySummary run_finetune_classify(const TaskRequest& request);

}  // namespace gptkit
