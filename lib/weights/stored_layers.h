#pragma once
// The layers of a model as its files store them, read when they are asked for: what decoding packs
// (models/decoding_model.h).

#include "models/decoding_model.h"
#include "weights/model_source.h"

namespace gptkit {

/// Fails for tensors that are missing, unexpected or of another shape. Matrices keep their dtype or
/// their blocks; the memory of a mapped file is given back when a layer has been used.
LayerSource stored_layers(const ModelSource& source);

}  // namespace gptkit
