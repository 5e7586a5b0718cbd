// pretrain: a GPT learns to predict the next token of raw text.
//   pretrain -c configs/quickstart/pretrain.yaml --out runs/mine --set data.train=my-text.txt

#include "tasks/pretrain/pretrain.h"

#include <iostream>

#include "common/training.h"
#include "tasks/doctor/doctor.h"

namespace {
using namespace gptkit;

constexpr const char* kHelp =
    "Train a GPT on text files or token shards, from scratch or from a model.\n"
    "Settings come from YAML files (-c) and --set; --print-config shows them all.\n"
    "Ctrl-C saves a checkpoint; --resume continues from it with the same result.\n\n"
    "  pretrain -c configs/quickstart/pretrain.yaml --out runs/mine \\\n"
    "           --set data.train=my-text.txt --set tokenizer=runs/mine-tokenizer";

std::string resolved(const ConfigInputs& inputs) {
  ConfigOrigins origins;
  const auto config = load_pretrain_config(inputs, origins);
  return describe(config, origins);
}

void train_model(TaskRequest request, const TrainingOptions& options, World& world, bool dry_run) {
  request.dry_run = dry_run;
  launch_if_asked(options);
  const auto summary = run_pretrain(request, world);
  if (!summary.dry_run) return print_run(summary.run, summary.train, options.common.json);
  std::cout << (options.common.json ? dump_json(to_json(*summary.dry_run)) + "\n"
                                    : to_text(*summary.dry_run));
}

}  // namespace

int main(int argc, char** argv) {
  bool dry_run = false;
  const auto add_dry_run = [&](CLI::App& app) {
    app.add_flag("--dry-run", dry_run,
                 "train three steps, write nothing, and print what the run will need: memory by "
                 "part, FLOPs, tokens per second, time")
        ->excludes("--resume")
        ->excludes("--overwrite");
  };
  return run_training_program(
      {.about = {"pretrain", kHelp, version_details},
       .model_key = "model.from",
       .resolved_config = resolved,
       .run = [&](const auto& request, const auto& options,
                  World& world) { train_model(request, options, world, dry_run); },
       .more_options = add_dry_run},
      argc, argv);
}
