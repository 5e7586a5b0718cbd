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
#include "formats/weight_file.h"

namespace gptkit {

/// In writing order; names are unique.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// A tensor that is read, or worked out, when it is asked for.
struct TensorSource {
  torch::ScalarType dtype = torch::kFloat32;  // of what load() gives: float32 for a quantised one
  DType stored = DType::kFloat32;             // in the file
  std::vector<int64_t> shape;
  std::function<torch::Tensor()> load;  // not necessarily contiguous; for reading only
};
using NamedSources = std::vector<std::pair<std::string, TensorSource>>;

/// A tensor at hand as a source.
TensorSource source_of(const torch::Tensor& tensor);
/// The source in another dtype. To float16, a value out of its range is an error naming `name`.
TensorSource cast(const TensorSource& source, torch::ScalarType dtype, const std::string& name);
/// Whether two sources hold the same values, whatever their dtypes.
bool same_values(const TensorSource& a, const TensorSource& b);
/// LibTorch's type for a file's; fails for a quantised one.
torch::ScalarType scalar_type(DType dtype);
DType dtype_of(torch::ScalarType dtype);

/// Tensors by name, of one or several files. What at() gives keeps its file mapped, and takes its
/// bytes out of this process's memory when the last copy of it is gone.
class TensorMap {
 public:
  TensorMap() = default;
  /// All tensors of the safetensors files; a name in two of them is an error.
  explicit TensorMap(const std::vector<fs::path>& files);

  void add(const std::shared_ptr<const WeightFile>& file);
  void add(const std::string& name, TensorSource source);
  /// What messages call it; add(file) appends the file's path.
  void set_where(std::string where) { where_ = std::move(where); }

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  /// Fails naming the tensor and the files when it is missing.
  const TensorSource& source(const std::string& name) const;
  torch::Tensor at(const std::string& name) const { return source(name).load(); }
  const std::map<std::string, TensorSource>& sources() const { return tensors_; }
  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::map<std::string, TensorSource> tensors_;
};

/// Writes a safetensors file, whole or not at all, one tensor at a time.
void save_tensors(const fs::path& path, const NamedSources& tensors);
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
