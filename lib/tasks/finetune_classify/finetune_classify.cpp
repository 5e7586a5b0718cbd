#include "tasks/finetune_classify/finetune_classify.h"

#include "base/error.h"
#include "tasks/finetune_classify/datasets.h"
#include "tasks/finetune_classify/finetuning.h"
#include "tasks/finetune_classify/folds.h"
#include "tasks/training/ranks.h"
#include "tasks/training/seed.h"
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

FinetuneClassifySummary finetune(FinetuneClassifyConfig read, const TaskRequest& request,
                                 World& world) {
  require(!read.data.train.empty(), Key{"data.train"},
          ": no labelled file; set it in the config file or with ", Key{"data.train", "FILE"});
  const auto device = join_ranks(world, read.device, read.train);
  set_threads(request.threads);
  read.seed = settled_seed(read.seed, world);
  const auto config = std::move(read);
  seed_everything(config.seed);
  const auto data = load_data(config);
  validate(config.report, data.labels);
  const FinetuningJob job{config, world, device, data};
  const auto options = run_folder_options(request, world, inputs_of(config));
  if (config.data.folds > 0) return run_folds(job, request, options);
  return finetune(job, request.out, request.mode, options);
}

}  // namespace

FinetuneClassifySummary run_finetune_classify(const TaskRequest& wanted, World& world) {
  const auto request = with_run_folder(wanted, "finetune-classify");
  ConfigOrigins origins;
  const auto config = load_finetune_classify_config(request.inputs, origins);
  return with_origins(origins, [&] { return finetune(config, request, world); });
}

}  // namespace gptkit
