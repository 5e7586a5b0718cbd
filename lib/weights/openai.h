#pragma once
// OpenAI's TensorFlow checkpoint under Hugging Face's names: model/h0/attn/c_attn/w (1,in,out),
// .../b, ln_1/g ...; shape in hparams.json.
// https://github.com/openai/gpt-2/blob/master/src/model.py

#include <string>

#include "base/json.h"
#include "models/config.h"
#include "tensors/tensor_map.h"

namespace gptkit {

ModelConfig config_from_openai(const Json& hparams, const std::string& where);
TensorMap hugging_face_from_openai(const ModelConfig& config, const TensorMap& tensors);

}  // namespace gptkit
