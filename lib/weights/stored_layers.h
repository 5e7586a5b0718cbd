#pragma once
// The layers of a model as its files store them, read when they are asked for: what decoding packs
// (models/decoding_model.h).

#include <string>

#include "models/decoding_model.h"
#include "weights/bundle.h"
#include "weights/model_source.h"

namespace gptkit {

/// Fails for tensors that are missing, unexpected or of another shape. Matrices keep their dtype or
/// their blocks; the memory of a mapped file is given back when a layer has been used.
LayerSource stored_layers(const ModelSource& source);

/// A language model whose weights are not read yet.
struct LanguageModelLayers : ModelText {
  ModelConfig config;
  LayerSource layers;
};

/// Opens a model's text and layers, as open_for_decoding() does (weights/bundle.cpp). An adapter is
/// merged into its base, in memory.
LanguageModelLayers open_layers(const std::string& name_or_path);

}  // namespace gptkit
