#pragma once
// GGUF's names, shapes and keys for the models we know <-> Hugging Face's.
// https://github.com/ggml-org/llama.cpp/blob/master/docs (architectures gpt2, llama and qwen2)
//
// GGUF's matrices are (out, in). In architecture llama the rows of queries and keys are paired as
// neighbours (2i, 2i + 1) instead of halves (i, i + D/2); both turn the same by rotary positions.

#include <string>
#include <vector>

#include "formats/gguf.h"
#include "models/config.h"
#include "weights/tensor_map.h"

namespace gptkit {

/// "gpt2", "llama" or "qwen2".
std::string gguf_architecture(const ModelConfig& config);

/// The model's shape from the metadata; `tensors` holds the file's under their own names.
ModelConfig config_from_gguf(const GgufFile& file, const TensorMap& tensors);

/// The metadata from the model's shape: everything but general.* and tokenizer.*.
std::vector<GgufField> gguf_config(const ModelConfig& config);

/// GGUF's tensors under Hugging Face's names. What has no name there keeps its own.
TensorMap hugging_face_from_gguf(const ModelConfig& config, const TensorMap& tensors);

/// Hugging Face's tensors (in any order) under GGUF's names.
NamedSources gguf_from_hugging_face(const ModelConfig& config, const NamedSources& tensors);

}  // namespace gptkit
