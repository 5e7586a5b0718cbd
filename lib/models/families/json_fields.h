#pragma once
// Functions shared by the families for reading config.json.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/config/known_keys.h"
#include "base/json.h"
#include "models/config.h"

namespace gptkit {

/// The value of the first key that exists; two different values are an error.
int64_t json_int_of(const Json& json, const char* key, const char* alias, const std::string& where,
                    int64_t fallback);

/// A size that may be missing (`fallback`), but not 0.
int64_t json_size(const Json& json, const char* key, const std::string& where, int64_t fallback);

/// Sets derived sizes to 0, so that reading and writing restores the same file.
void drop_defaults(ModelConfig& config);

/// The rules of a family: those of every transformers configuration, and its own.
std::vector<KeyRule> with_common_keys(std::span<const KeyRule> own);

/// Reasons that several rules give.
inline constexpr const char* kKeyOfTraining = "of training; ours is model.dropout and train.*";
inline constexpr const char* kKeyPassedOver = "transformers passes over it in this family";

}  // namespace gptkit
