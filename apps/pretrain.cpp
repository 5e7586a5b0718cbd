// pretrain: a GPT learns to predict the next token of raw text.
//   pretrain -c configs/quickstart/pretrain.yaml --out runs/mine --set data.train=my-text.txt

#include "tasks/pretrain.h"

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
    gptkit::add_training_options(app, options);
    gptkit::parse(app, argc, argv);

    const auto request = gptkit::to_request(app, options, "model.from");
    if (options.common.print_config) {
      gptkit::ConfigOrigins origins;
      const auto config = gptkit::load_pretrain_config(request.inputs, origins);
      std::cout << gptkit::describe(config, origins);
      return;
    }
    gptkit::launch_if_asked("pretrain", options, argv);
    const auto summary = gptkit::run_pretrain(request);
    gptkit::print_run(summary.run, summary.train, options.common.json);
  });
}
