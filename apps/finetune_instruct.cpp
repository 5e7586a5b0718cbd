// finetune-instruct: a pretrained GPT and instructions with answers become an assistant.
//   finetune-instruct -c configs/quickstart/instruct.yaml --out runs/assistant

#include "tasks/finetune_instruct/finetune_instruct.h"

#include <iostream>

#include "common/training.h"
#include "tasks/doctor/doctor.h"

namespace {
using namespace gptkit;

constexpr const char* kHelp =
    "Finetune a pretrained GPT to follow instructions, then answer the test instructions\n"
    "into responses.json. Data: Alpaca JSON (instruction, input, output) or messages JSONL.\n\n"
    "  finetune-instruct --model runs/mine/model --out runs/assistant \\\n"
    "                    --set data.train=instructions.json";

std::string resolved(const ConfigInputs& inputs) {
  ConfigOrigins origins;
  const auto config = load_finetune_instruct_config(inputs, origins);
  return config_to_yaml(config, &origins);
}

void train_assistant(const TaskRequest& request, const TrainingOptions& options, World& world) {
  launch_if_asked(options);
  const auto summary = run_finetune_instruct(request, world);
  const auto responses = (summary.run / "responses.json").string();
  print_run(summary.run, summary.train, options.common.json, {{"responses", responses}});
  if (options.common.json) return;
  std::cout << "answers  " << responses << " (" << summary.responses << " test instructions)\n";
}

}  // namespace

int main(int argc, char** argv) {
  return run_training_program({.about = {"finetune-instruct", kHelp, version_details},
                               .model_key = "model",
                               .resolved_config = resolved,
                               .run = train_assistant},
                              argc, argv);
}
