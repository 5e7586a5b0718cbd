#pragma once
// Every key of generation_config.json and adapter_config.json that transformers 5 and peft write or
// have written, and whether it is honoured, harmless or refused: one table per file. The keys of
// config.json are in the families (models/family.h). tests/golden/config_keys.json lists the keys
// from those libraries' classes, and a test compares it with the tables.

#include <span>

#include "base/config/known_keys.h"

namespace gptkit {

/// generation_config.json. Programs that generate name refused keys in a warning, because the rest
/// of the folder does not depend on them.
std::span<const KeyRule> generation_key_rules();
/// adapter_config.json.
std::span<const KeyRule> adapter_key_rules();

}  // namespace gptkit
