#pragma once
// Tensors of weight files as views of the mapped bytes, and safetensors files written.

#include <memory>
#include <vector>

#include "base/files.h"
#include "formats/weight_file.h"
#include "tensors/tensor_map.h"

namespace gptkit {

/// Adds the file's tensors under their own names, and its path to the names in messages. Tensors
/// from at() keep the file mapped; its bytes leave this process's memory when the last copy of the
/// tensor is released.
void add_file(TensorMap& map, const std::shared_ptr<const WeightFile>& file);

/// All tensors of safetensors files; a name in two of them is an error.
TensorMap open_tensors(const std::vector<fs::path>& files);

/// Writes a safetensors file, whole or not at all, one tensor at a time.
void save_tensors(const fs::path& path, const NamedSources& tensors);
void save_tensors(const fs::path& path, const NamedTensors& tensors);

}  // namespace gptkit
