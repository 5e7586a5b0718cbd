#pragma once
// The two other homes of GPT-2's weights, under Hugging Face's names: OpenAI's TensorFlow
// checkpoint (model/h0/attn/c_attn/w (1,in,out), .../b, ln_1/g ...; shape in hparams.json) and
// llm.c's file (formats/llmc.h; matrices (out,in)).
// https://github.com/openai/gpt-2/blob/master/src/model.py, https://github.com/karpathy/llm.c

#include <string>

#include "base/json.h"
#include "formats/llmc.h"
#include "models/config.h"
#include "tensors/tensor_map.h"

namespace gptkit {

ModelConfig config_from_openai(const Json& hparams, const std::string& where);
TensorMap hugging_face_from_openai(const ModelConfig& config, const TensorMap& tensors);

ModelConfig config_from_llmc(const LlmcShape& shape);
TensorMap hugging_face_from_llmc(const ModelConfig& config, const TensorMap& tensors);
/// The other way; fails for a model that llm.c cannot hold (untied head, other widths).
LlmcShape llmc_shape(const ModelConfig& config);
NamedSources llmc_from_hugging_face(const ModelConfig& config, const NamedSources& tensors);

}  // namespace gptkit
