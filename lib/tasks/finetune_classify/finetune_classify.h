#pragma once
// Finetuning a pretrained GPT into a text classifier (the book's chapter 6).

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/classification_metrics.h"
#include "tasks/finetune_classify/config.h"
#include "tasks/training/request.h"
#include "train/trainer.h"

namespace gptkit {

struct FinetuneClassifySummary {
  TrainSummary train = {};
  std::filesystem::path run = {};
  int64_t trainable_parameters = 0;
  /// By split, as far as it has rows: "train", "validation", "test". Empty with data.folds.
  std::map<std::string, ClassificationMetrics> splits = {};
  std::vector<ClassificationMetrics> folds = {};  ///< of each fold's test rows, with data.folds
  OrderedJson report = {};                        ///< report.json, to be shown as it is
};

/// Trains, evaluates on whole splits, and leaves the classifier in <out>/model; adapters in PEFT's
/// layout in <out>/adapter beside it, where they are merged. With data.folds the runs are
/// <out>/fold-1 ..., and the report has each one's test metrics and their mean.
FinetuneClassifySummary run_finetune_classify(const TaskRequest& request, World& world);

}  // namespace gptkit
