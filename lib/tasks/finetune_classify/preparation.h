#pragma once
// The classifier before its training: the pretrained backbone, a new head, and which weights learn.

#include <torch/types.h>

#include <string>
#include <vector>

#include "models/adapter.h"
#include "tasks/finetune_classify/config.h"
#include "weights/bundle.h"

namespace gptkit {

struct PretrainedBackbone {
  GPT gpt{nullptr};
  TextClassifier model = {};  ///< without its classifier
};

/// Fails for settings that do not fit the model.
PretrainedBackbone open_backbone(const FinetuneClassifyConfig& config,
                                 const std::vector<std::string>& labels);

/// Puts a head on the backbone, freezes what does not learn and moves all to the device. The head's
/// weights depend on the seed alone. Gives the adapters, if there are any.
AdapterLayers add_head(PretrainedBackbone& backbone, const FinetuneClassifyConfig& config,
                       torch::Device device);

int64_t trainable_parameters(const Classifier& classifier);

}  // namespace gptkit
