#pragma once
// Training as the programs pretrain, finetune-classify and finetune-instruct do it: settings come
// from YAML files and single keys, results go to a run folder, checkpoints resume exactly.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gptkit/namespace.h"

namespace gptkit::api {

struct TrainingRequest {
  std::vector<std::filesystem::path> configs = {};  ///< YAML; a later file wins
  /// Single settings, which win over the files: {"train.lr", "1e-4"}, {"data.train", "my.txt"}.
  /// Values are YAML. `pretrain --print-config` lists the keys. Relative paths start at the working
  /// folder.
  std::vector<std::pair<std::string, std::string>> settings = {};
  std::filesystem::path out;  ///< the run folder
  bool resume = false;        ///< continue from the newest checkpoint in `out`
  bool overwrite = false;     ///< replace the run in `out`, after the first step has worked
  int threads = 0;            ///< 0: the physical cores
};

struct TrainingResult {
  std::filesystem::path run;    ///< config.yaml, metrics.jsonl, loss.svg, checkpoints/
  std::filesystem::path model;  ///< open it with LanguageModel::load() or Classifier::load()
  std::int64_t steps = 0, tokens = 0;
  double seconds = 0;
  /// The last evaluation: {"train_loss", 2.2}, {"val_loss", 2.4} ...
  std::vector<std::pair<std::string, double>> metrics;
};

/// Each throws Error for a wrong setting (Error::key() names it) or unreadable data, and Stopped
/// after SIGINT, SIGTERM or SIGHUP, with a checkpoint saved.
///
/// Trains a language model on text or token shards, from scratch or from a model.
TrainingResult pretrain(const TrainingRequest& request);
/// Finetunes a language model into a classifier, with labelled texts.
TrainingResult finetune_classifier(const TrainingRequest& request);
/// Finetunes a language model to follow instructions.
TrainingResult finetune_assistant(const TrainingRequest& request);

}  // namespace gptkit::api
