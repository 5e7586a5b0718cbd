#pragma once
// Every key of generation_config.json and adapter_config.json that transformers 5 and peft write or
// have written, and what becomes of it here: one table a file. Those of config.json are the
// families' (models/family.h). tests/golden/config_keys.json lists the keys from those libraries'
// classes, and a test compares it with the tables.

#include <span>

#include "base/config/known_keys.h"

namespace gptkit {

/// generation_config.json. What is refused there is named in a warning by the programs that
/// generate: the rest of the folder does not depend on it.
std::span<const KeyRule> generation_key_rules();
/// adapter_config.json.
std::span<const KeyRule> adapter_key_rules();

}  // namespace gptkit
