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
  /// By split ("train", "validation", "test"), for splits that have rows. Empty with data.folds.
  std::map<std::string, ClassificationMetrics> splits = {};
  std::vector<ClassificationMetrics> folds = {};  ///< of each fold's test rows, with data.folds
  OrderedJson report = {};                        ///< report.json, unchanged
};

/// Trains, evaluates on complete splits, and writes the classifier to <out>/model, with adapters
/// merged; adapters in PEFT's layout also go to <out>/adapter. With data.folds the runs are
/// <out>/fold-1 ..., and the report has each one's test metrics and their mean.
FinetuneClassifySummary run_finetune_classify(const TaskRequest& wanted, World& world);

}  // namespace gptkit
