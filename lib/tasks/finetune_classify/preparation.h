#pragma once
// The classifier before training: the pretrained backbone, a new head, and the choice of trainable
// weights.

#include <torch/types.h>

#include <string>
#include <vector>

#include "models/adapter.h"
#include "tasks/finetune_classify/config.h"
#include "weights/bundle.h"

namespace gptkit {

struct PretrainedBackbone {
  GPT gpt{nullptr};
  TextClassifier model = {};  ///< its classifier is still empty
};

/// Fails for settings that do not fit the model.
PretrainedBackbone open_backbone(const FinetuneClassifyConfig& config,
                                 const std::vector<std::string>& labels);

/// Adds a head to the backbone, freezes the weights that are not trained, and moves everything to
/// the device. The weights of the head depend only on the seed. Returns the adapters, if there are
/// any.
AdapterLayers add_head(PretrainedBackbone& backbone, const FinetuneClassifyConfig& config,
                       torch::Device device);

int64_t trainable_parameters(const Classifier& classifier);

}  // namespace gptkit
