#include "tasks/finetune_classify/finetune_classify.h"

#include "base/error.h"
#include "distributed/world.h"
#include "tasks/finetune_classify/datasets.h"
#include "tasks/finetune_classify/finetuning.h"
#include "tasks/finetune_classify/folds.h"
#include "tensors/device.h"

namespace gptkit {

namespace {

/// Files and folders that the run reads.
std::vector<fs::path> inputs_of(const FinetuneClassifyConfig& config) {
  auto inputs = config.data.train;
  for (const auto* more : {&config.data.validation, &config.data.test}) {
    inputs.insert(inputs.end(), more->begin(), more->end());
  }
  inputs.emplace_back(config.model.text);
  return inputs;
}

}  // namespace

FinetuneClassifySummary run_finetune_classify(const TaskRequest& wanted) {
  const auto request = with_run_folder(wanted, "finetune-classify");
  ConfigOrigins origins;
  auto config = load_finetune_classify_config(request.inputs, origins);
  require(!config.data.train.empty(), Key{"data.train"},
          ": no labelled file; set it in the config file or with ", Key{"data.train", "FILE"});
  const auto device = join_ranks(config.device, config.train);
  set_threads(request.threads);
  seed_everything(config.seed);
  const auto data = load_data(config);
  validate(config.report, data.labels);
  const auto context = run_context(request, inputs_of(config));
  if (config.data.folds > 0) return run_folds(config, request, context, device, data);
  return finetune({config, device, data}, request.out, request.mode, context);
}

}  // namespace gptkit
