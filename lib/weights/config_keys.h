#pragma once
// Every key of the JSON files of a model folder and of an adapter that transformers 5 and peft
// write or have written, and what becomes of it here: one table a file.
// tests/golden/config_keys.json lists the keys from those libraries' classes, and a test compares
// it with the tables.

#include <span>
#include <string_view>
#include <vector>

#include "base/config/known_keys.h"

namespace gptkit {

/// config.json of model_type gpt2, llama, mistral or qwen2.
std::vector<KeyRule> config_key_rules(std::string_view model_type);
/// The members of config.json's rope_parameters and rope_scaling.
std::span<const KeyRule> rope_key_rules();
/// generation_config.json. What is refused there is named in a warning by the programs that
/// generate: the rest of the folder does not depend on it.
std::span<const KeyRule> generation_key_rules();
/// adapter_config.json.
std::span<const KeyRule> adapter_key_rules();

}  // namespace gptkit
