#pragma once
// What pretrain and the finetuners share: their options, how those become a request, and results.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "base/json.h"
#include "common/program.h"
#include "distributed/world.h"
#include "tasks/training/request.h"
#include "train/trainer.h"

namespace gptkit {

struct TrainingOptions {
  CommonOptions common;
  std::string out, model;
  std::int64_t processes = 1;
  bool resume = false, overwrite = false, tensorboard = false;
  std::string program;    // what it is called
  char** argv = nullptr;  // what it was called with
};

struct TrainingProgram {
  About about;
  const char* model_key;  // the config key that --model sets
  /// For --print-config.
  std::function<std::string(const ConfigInputs&)> resolved_config;
  /// The world is for the run to join.
  std::function<void(const TaskRequest&, const TrainingOptions&, World&)> run;
  std::function<void(CLI::App&)> more_options = {};
};

/// The whole of a training program's main(). The program may be one of several processes: only
/// rank 0 has results, and one that fails tells the others why.
int run_training_program(const TrainingProgram& program, int argc, char** argv);

/// With --nproc becomes the launcher of that many processes, and does not return; in these, and
/// without it, does nothing.
void launch_if_asked(const TrainingOptions& options);

/// What every training program prints at its end.
void print_run(const std::filesystem::path& run, const TrainSummary& summary, bool json,
               const OrderedJson& more = {});

}  // namespace gptkit
