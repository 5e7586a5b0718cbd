#pragma once
// config.json <-> ModelConfig: model_type names the family, which reads and writes its keys. A
// value that requires a computation that the blocks do not support (another activation, a sliding
// window) is refused by name. https://huggingface.co/docs/transformers/main_classes/configuration

#include <string>

#include "base/json.h"
#include "models/config.h"

namespace gptkit {

ModelConfig config_from_json(const Json& json, const std::string& where);

/// The reverse, without the keys of tokenizer and task. `dtype` is PyTorch's name of the dtype of
/// the stored weights.
Json config_to_json(const ModelConfig& config, const std::string& dtype);

/// "GPT2LMHeadModel", "LlamaForSequenceClassification" ...: the class of transformers.
std::string architecture(const ModelConfig& config, bool classifier);

}  // namespace gptkit
