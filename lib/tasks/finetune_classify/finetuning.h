#pragma once
// One training of a classifier: rows -> datasets -> model -> training -> predictions -> report.

#include <torch/types.h>

#include <filesystem>

#include "data/tables/classification.h"
#include "tasks/finetune_classify/finetune_classify.h"

namespace gptkit {

struct FinetuningJob {
  const FinetuneClassifyConfig& config;
  World& world;
  torch::Device device;
  const ClassificationData& data;
};

/// Writes model, adapter and report into the folder, which is created after data and model have
/// been read. A resumed run that had already finished returns its summary again.
FinetuneClassifySummary finetune(const FinetuningJob& job, const std::filesystem::path& folder,
                                 RunMode mode, RunFolderOptions options);

}  // namespace gptkit
