#pragma once
// Tensors by name, as views of mapped files: nothing is copied until a module takes it.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "formats/safetensors.h"

namespace gptkit {

/// In writing order; names are unique.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// The tensors of one or several mapped safetensors files. The views keep the files mapped.
class TensorMap {
 public:
  /// All tensors of the files; a name in two of them is an error.
  explicit TensorMap(const std::vector<fs::path>& files);

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  /// Fails naming the tensor and the files when it is missing.
  torch::Tensor at(const std::string& name) const;
  std::vector<std::string> names() const;
  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::map<std::string, torch::Tensor> tensors_;
};

/// Writes a safetensors file, whole or not at all. Tensors on other devices or not contiguous are
/// copied one at a time.
void save_tensors(const fs::path& path, const NamedTensors& tensors);

/// Parameters and buffers of a module under their registered names.
NamedTensors tensors_of(const torch::nn::Module& module);

/// Copies every parameter and buffer of the module from the map, converting dtype. Anything
/// missing, unexpected or of another shape is one error that lists up to ten of each.
void copy_into(torch::nn::Module& module, const TensorMap& map);

/// The check behind copy_into: `wanted` (name, shape) against what the map holds; names for which
/// `ignore` is true may be there or not.
void check_tensors(const TensorMap& map,
                   const std::vector<std::pair<std::string, std::vector<int64_t>>>& wanted,
                   const std::function<bool(const std::string&)>& ignore);

}  // namespace gptkit
