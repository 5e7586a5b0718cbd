#pragma once
// The weight files of a model folder: one, or shards that an index lists
// ({"weight_map": {TENSOR: FILE}}).

#include <string>
#include <vector>

#include "base/files.h"

namespace gptkit {

/// `name` ("model.safetensors"), or every shard that `name`.index.json lists, each once. A shard's
/// name may not lead to another folder.
std::vector<fs::path> shards(const fs::path& folder, const std::string& name);

}  // namespace gptkit
