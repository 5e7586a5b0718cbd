#pragma once
// GGUF's tensors <-> Hugging Face's, by the rules of the model's family (models/tensor_names.h).
// https://github.com/ggml-org/llama.cpp/blob/master/docs
//
// GGUF's matrices are (out, in). In architecture llama the rows of queries and keys are paired as
// neighbours (2i, 2i + 1) instead of halves (i, i + D/2); rotary positions have the same effect on
// both.

#include "models/config.h"
#include "tensors/tensor_map.h"

namespace gptkit {

/// GGUF's tensors under Hugging Face's names. Tensors without a name there keep their own.
TensorMap hugging_face_from_gguf(const ModelConfig& config, const TensorMap& tensors);

/// Hugging Face's tensors (in any order) under GGUF's names.
NamedSources gguf_from_hugging_face(const ModelConfig& config, const NamedSources& tensors);

}  // namespace gptkit
