#pragma once
// llm.c's file (formats/llmc.h), whose matrices are (out,in), under Hugging Face's names.
// https://github.com/karpathy/llm.c

#include "formats/llmc.h"
#include "models/config.h"
#include "tensors/tensor_map.h"

namespace gptkit {

ModelConfig config_from_llmc(const LlmcShape& shape);
TensorMap hugging_face_from_llmc(const ModelConfig& config, const TensorMap& tensors);
/// The reverse; fails for a model that llm.c does not support (untied head, other widths).
LlmcShape llmc_shape(const ModelConfig& config);
NamedSources llmc_from_hugging_face(const ModelConfig& config, const NamedSources& tensors);

}  // namespace gptkit
