#pragma once
// What pretrain and the finetuners share: their options, and how those become a request.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "common/cli.h"
#include "tasks/training/common.h"
#include "train/trainer.h"

namespace gptkit {

struct TrainingOptions {
  CommonOptions common;
  std::string out, model;
  std::int64_t processes = 1;
  bool resume = false, overwrite = false, tensorboard = false;
};

/// The common options and --out --resume --overwrite --model --tensorboard --nproc.
void add_training_options(CLI::App& app, TrainingOptions& options);

/// Call after parse(). `--model` sets the config key model_key.
TaskRequest to_request(const CLI::App& app, const TrainingOptions& options,
                       const std::string& model_key);

/// run_app for a training program, which may be one of several processes: only rank 0 has results,
/// and one that fails tells the others why.
int run_training_app(const char* name, const std::function<void()>& body);

/// With --nproc becomes the launcher of that many processes, and does not return; in these, and
/// without it, does nothing.
void launch_if_asked(const char* name, const TrainingOptions& options, char** argv);

/// What every training program prints at its end.
void print_run(const std::filesystem::path& run, const TrainSummary& summary, bool json,
               const OrderedJson& more = {});

}  // namespace gptkit
