// pretrain: a GPT learns to predict the next token of raw text.
//   pretrain -c configs/quickstart/pretrain.yaml --out runs/mine --set data.train=my-text.txt

#include "tasks/pretrain/pretrain.h"

#include <iostream>

#include "common/training.h"

int main(int argc, char** argv) {
  return gptkit::run_training_app("pretrain", [&] {
    gptkit::TrainingOptions options;
    CLI::App app(
        "Train a GPT on text files or token shards, from scratch or from a model.\n"
        "Settings come from YAML files (-c) and --set; --print-config shows them all.\n"
        "Ctrl-C saves a checkpoint; --resume goes on as if nothing had happened.\n\n"
        "  pretrain -c configs/quickstart/pretrain.yaml --out runs/mine \\\n"
        "           --set data.train=my-text.txt --set tokenizer=runs/mine-tokenizer",
        "pretrain");
    bool dry_run = false;
    gptkit::add_training_options(app, options);
    app.add_flag(
           "--dry-run", dry_run,
           "train three steps, write nothing, and say what the run will need: memory by part, "
           "FLOPs, tokens per second, time")
        ->excludes("--resume")
        ->excludes("--overwrite");
    gptkit::parse(app, argc, argv);

    auto request = gptkit::to_request(app, options, "model.from");
    request.dry_run = dry_run;
    if (options.common.print_config) {
      gptkit::ConfigOrigins origins;
      const auto config = gptkit::load_pretrain_config(request.inputs, origins);
      std::cout << gptkit::describe(config, origins);
      return;
    }
    gptkit::launch_if_asked("pretrain", options, argv);
    const auto summary = gptkit::run_pretrain(request);
    if (summary.dry_run) {
      std::cout << (options.common.json ? gptkit::dump_json(to_json(*summary.dry_run)) + "\n"
                                        : to_text(*summary.dry_run));
      return;
    }
    gptkit::print_run(summary.run, summary.train, options.common.json);
  });
}
