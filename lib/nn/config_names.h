#pragma once
// Errors about a model's shape in the words of the file that it was read from.

#include <string>
#include <utility>
#include <vector>

#include "nn/config.h"

namespace gptkit {

/// What a file calls the fields.
struct ConfigNames {
  std::string where;                                           ///< the file
  std::vector<std::pair<std::string, std::string>> keys = {};  ///< our name, the file's
};

/// validate(config), whose errors name the file and its own keys.
void validate(const ModelConfig& config, const ConfigNames& names);

}  // namespace gptkit
