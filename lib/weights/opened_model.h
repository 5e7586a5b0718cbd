#pragma once
// Functions shared by loading a language model and loading a classifier (weights/bundle.h).

#include <torch/nn/module.h>

#include <string>

#include "models/gpt.h"
#include "weights/bundle.h"
#include "weights/model_source.h"
#include "weights/peft.h"

namespace gptkit {

/// A model without weights yet.
struct Opened {
  ModelSource source;
  std::string where;
  GPT gpt;
};

Opened open_for(ModelSource source, double dropout = 0);

/// Fails naming the tensor that has NaN or infinity.
void require_finite(const torch::nn::Module& module, const std::string& where);

/// The base that the adapter names: a path (also relative to the adapter), or a name.
std::string base_of(const AdapterSource& source);

}  // namespace gptkit
