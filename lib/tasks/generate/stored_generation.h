#pragma once
// The settings of a model's generation_config.json that the generate program does not apply.

#include <string>

#include "base/files.h"
#include "base/json.h"
#include "infer/generation_config.h"

namespace gptkit {

/// One line: the settings that are not applied, and the sampling settings whose stored value is
/// replaced by the default. Empty when there are none.
std::string settings_left_out(const Json& stored, const GenerationConfig& used);

/// Warns about them, if the folder has that file.
void warn_of_settings_left_out(const fs::path& folder, const GenerationConfig& used);

}  // namespace gptkit
