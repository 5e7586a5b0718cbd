#pragma once
// What pretrain and the finetuners share: their options, and how those become a request.

#include <CLI/CLI.hpp>
#include <string>

#include "common/cli.h"
#include "tasks/common.h"
#include "train/trainer.h"

namespace gptkit {

struct TrainingOptions {
  CommonOptions common;
  std::string out, model;
  bool resume = false, overwrite = false, tensorboard = false;
};

/// The common options and --out --resume --overwrite --model --tensorboard.
void add_training_options(CLI::App& app, TrainingOptions& options);

/// Call after parse(). `--model` sets the config key model_key.
TaskRequest to_request(const CLI::App& app, const TrainingOptions& options,
                       const std::string& model_key);

/// What every training program prints at its end.
void print_run(const std::filesystem::path& run, const TrainSummary& summary, bool json,
               const OrderedJson& more = {});

}  // namespace gptkit
