#pragma once
// How a training computes: its precision, and what it keeps of a forward pass.

#include <torch/nn/module.h>

#include "tensors/precision.h"
#include "train/config.h"
#include "train/objective.h"

namespace gptkit {

/// Switches activation checkpointing in every block of the model. Fails when it is to be on and the
/// model has no blocks.
void set_activation_checkpointing(torch::nn::Module& model, bool on);

/// While it lives, the objective computes in train.precision.
PrecisionScope training_precision(Objective& objective, const TrainConfig& config);

}  // namespace gptkit
