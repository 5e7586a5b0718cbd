#include "common/training.h"

#include <iostream>

#include "base/progress.h"
#include "common/settings.h"

namespace gptkit {

void add_training_options(CLI::App& app, TrainingOptions& options) {
  add_common_options(app, options.common);
  app.add_option(
      "-o,--out", options.out,
      "run folder: model/, checkpoints/, metrics.jsonl, loss.svg [runs/<config's name>]");
  app.add_option("-m,--model", options.model, "model folder or name to start from");
  auto* resume =
      app.add_flag("--resume", options.resume, "go on from the newest checkpoint in --out");
  app.add_flag("--overwrite", options.overwrite, "replace the run that --out holds")
      ->excludes(resume);
  app.add_flag("--tensorboard", options.tensorboard,
               "write what metrics.jsonl holds as a TensorBoard event file too");
}

TaskRequest to_request(const CLI::App& app, const TrainingOptions& options,
                       const std::string& model_key) {
  TaskRequest request;
  request.inputs = to_inputs(options.common);
  auto& overrides = request.inputs.overrides;
  if (options.common.seed) {
    overrides.push_back({"seed", std::to_string(*options.common.seed), "--seed"});
  }
  if (app.count("--device") > 0) overrides.push_back({"device", options.common.device, "--device"});
  if (!options.model.empty()) {
    overrides.push_back({model_key, yaml_text(options.model), "--model"});
  }
  if (options.tensorboard) overrides.push_back({"train.tensorboard", "true", "--tensorboard"});
  request.out = options.out;
  request.mode = options.resume      ? RunMode::kResume
                 : options.overwrite ? RunMode::kOverwrite
                                     : RunMode::kNew;
  request.threads = options.common.threads;
  return request;
}

void print_run(const std::filesystem::path& run, const TrainSummary& summary, bool json,
               const OrderedJson& more) {
  OrderedJson result = {{"run", run.string()},
                        {"model", (run / "model").string()},
                        {"steps", summary.steps},
                        {"tokens", summary.tokens},
                        {"seconds", summary.seconds}};
  for (const auto& [name, value] : summary.last_evaluation) result[name] = value;
  for (const auto& [name, value] : more.items()) result[name] = value;
  if (json) {
    std::cout << dump_json(result) << '\n';
    return;
  }
  std::cout << "trained  " << format_count(summary.steps) << " steps, "
            << format_count(summary.tokens) << " tokens in " << format_duration(summary.seconds)
            << '\n';
  for (const auto& [name, value] : summary.last_evaluation) {
    std::cout << name << "  " << value << '\n';
  }
  std::cout << "model    " << (run / "model").string() << "\nplot     "
            << (run / "loss.svg").string() << '\n';
}

}  // namespace gptkit
