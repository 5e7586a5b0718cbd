#pragma once
// Every key of a tokenizer's JSON files that transformers and tokenizers write or have written, and
// what becomes of it here: one table a file (base/config/known_keys.h has what the rules mean).

#include <filesystem>
#include <span>

#include "base/config/known_keys.h"

namespace gptkit {

std::span<const KeyRule> tokenizer_config_key_rules();
/// tokenizer.json, its outermost members. What they hold is checked where it is read.
std::span<const KeyRule> tokenizer_json_key_rules();

/// Refuses and warns of what a folder's tokenizer_config.json says, if it has one.
void check_tokenizer_config(const std::filesystem::path& folder);

/// Refuses an add_prefix_space of tokenizer_config.json that transformers' class puts in the place
/// of what the folder's tokenizer.json says.
void check_prefix_space(const Json& tokenizer, const std::filesystem::path& folder);

}  // namespace gptkit
