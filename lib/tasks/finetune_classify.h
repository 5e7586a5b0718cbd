#pragma once
// Finetuning a pretrained GPT into a text classifier (the book's chapter 6).

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "data/classification.h"
#include "eval/classification_report.h"
#include "model/classifier.h"
#include "tasks/common.h"
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
  std::string text_column, label_column;
  TableHeader header = TableHeader::kAuto;
  bool quotes = true;
  Balance balance = Balance::kNone;
  std::vector<double> split = {0.7, 0.1};
};

template <class Visitor>
void visit_fields(ClassifyDataConfig& c, Visitor&& visit) {
  visit("train", c.train, "labelled .tsv, .csv, .jsonl or .json files");
  visit("validation", c.validation, "files; none: a part of train");
  visit("test", c.test, "files; none: the rest of train");
  visit("text_column", c.text_column, "name or number; empty: text, else the second");
  visit("label_column", c.label_column, "name or number; empty: label, else the first");
  visit("header", c.header, "auto, none or first_row");
  visit("quotes", c.quotes, "double quotes enclose fields, as in CSV");
  visit("balance", c.balance, "none, or smallest: every class cut to the smallest (the book)");
  visit("split", c.split, "shares of train for training and validation; the rest is for testing");
}

struct ClassifierConfig {
  std::vector<std::string> labels;
  Pooling pooling = Pooling::kLastToken;
  Trainable trainable = Trainable::kAll;
  int64_t trainable_blocks = 2;
  int64_t max_tokens = 0;
  bool head_bias = false;
  double dropout = 0.0;
};

template <class Visitor>
void visit_fields(ClassifierConfig& c, Visitor&& visit) {
  visit("labels", c.labels, "names of class 0, 1, ...; empty: those of the data, sorted");
  visit("pooling", c.pooling, "last_token, or last_position (the book's padded variant)");
  visit("trainable", c.trainable, "head, last_block, last_n or all");
  visit("trainable_blocks", c.trainable_blocks, "n of last_n");
  visit("max_tokens", c.max_tokens, "longer texts are cut; 0: the longest training text");
  visit("head_bias", c.head_bias, "a bias on the class head, as in the book");
  visit("dropout", c.dropout, "while finetuning");
}

struct FinetuneClassifyConfig {
  int64_t seed = 123;
  std::string device = "auto";
  NameOrPath model = {"gpt2"};
  ClassifyDataConfig data;
  ClassifierConfig classifier;
  TrainConfig train = {.epochs = 5, .lr = 5e-5, .schedule = Schedule::kConstant, .eval_every = 50};
};

template <class Visitor>
void visit_fields(FinetuneClassifyConfig& c, Visitor&& visit) {
  visit("seed", c.seed, "of the head, order, split and dropout; -1: a new one");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
  visit("model", c.model, "the pretrained model: a folder or a name");
  visit("data", c.data, "labelled texts");
  visit("classifier", c.classifier, "the class head and what learns");
  visit("train", c.train, "how");
}

/// Reads and validates.
FinetuneClassifyConfig load_finetune_classify_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins);

struct FinetuneClassifySummary {
  TrainSummary train;
  std::filesystem::path run;
  OrderedJson report;  // {"train": {...}, "validation": {...}, "test": {...}}, also report.json
};

/// Trains, evaluates on whole splits, and leaves the classifier in <out>/model.
FinetuneClassifySummary run_finetune_classify(const TaskRequest& request);

}  // namespace gptkit
