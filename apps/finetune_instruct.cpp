// finetune-instruct: a pretrained GPT and instructions with answers become an assistant.
//   finetune-instruct -c configs/quickstart/instruct.yaml --out runs/assistant

#include "tasks/finetune_instruct/finetune_instruct.h"

#include <iostream>

#include "common/training.h"

int main(int argc, char** argv) {
  return gptkit::run_training_app("finetune-instruct", [&] {
    gptkit::TrainingOptions options;
    CLI::App app(
        "Finetune a pretrained GPT to follow instructions, then answer the test instructions\n"
        "into responses.json. Data: Alpaca JSON (instruction, input, output) or messages JSONL.\n\n"
        "  finetune-instruct --model runs/mine/model --out runs/assistant \\\n"
        "                    --set data.train=instructions.json",
        "finetune-instruct");
    gptkit::add_training_options(app, options);
    gptkit::parse(app, argc, argv);

    const auto request = gptkit::to_request(app, options, "model");
    if (options.common.print_config) {
      gptkit::ConfigOrigins origins;
      const auto config = gptkit::load_finetune_instruct_config(request.inputs, origins);
      std::cout << gptkit::config_to_yaml(config, &origins);
      return;
    }
    gptkit::launch_if_asked("finetune-instruct", options, argv);
    const auto summary = gptkit::run_finetune_instruct(request);
    gptkit::print_run(summary.run, summary.train, options.common.json,
                      {{"responses", (summary.run / "responses.json").string()}});
    if (options.common.json) return;
    std::cout << "answers  " << (summary.run / "responses.json").string() << " ("
              << summary.responses << " test instructions)\n";
  });
}
