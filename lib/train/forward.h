#pragma once
// Precision and activation checkpointing of a training.

#include <torch/nn/module.h>

#include "tensors/precision.h"
#include "train/config.h"
#include "train/objective.h"

namespace gptkit {

/// Switches activation checkpointing in every block of the model. Fails if it is requested and the
/// model has no blocks.
void set_activation_checkpointing(torch::nn::Module& model, bool on);

/// While this object exists, the objective computes in train.precision.
PrecisionScope training_precision(Objective& objective, const TrainConfig& config);

}  // namespace gptkit
