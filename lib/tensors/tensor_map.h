#pragma once
// Tensors of one or several files, by name: nothing is copied until a module takes it.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tensors/tensor_source.h"

namespace gptkit {

class TensorMap {
 public:
  /// A duplicate name is an error.
  void add(const std::string& name, TensorSource source);
  /// The name of the files in messages.
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

/// Copies every parameter and buffer of the module from the map, converting dtype. Anything
/// missing, unexpected or of another shape is one error that lists up to ten of each.
void copy_into(torch::nn::Module& module, const TensorMap& map);

/// The check behind copy_into: compares `wanted` (name, shape) with the map; names for which
/// `ignore` is true are optional.
void check_tensors(const TensorMap& map,
                   const std::vector<std::pair<std::string, std::vector<int64_t>>>& wanted,
                   const std::function<bool(const std::string&)>& ignore);

}  // namespace gptkit
