#pragma once
// Tensors by name, in memory or read on demand.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "tensors/quantized_tensor.h"

namespace gptkit {

/// In writing order; names are unique.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// A tensor that is read or computed on demand.
struct TensorSource {
  torch::ScalarType dtype = torch::kFloat32;  // of the result of load(): float32 if quantised
  DType stored = DType::kFloat32;             // in the file
  std::vector<int64_t> shape;
  std::function<torch::Tensor()> load;  // not necessarily contiguous; for reading only
  /// The stored blocks of a quantised matrix, (out, in) even if `shape` is (in, out). Empty for
  /// other tensors.
  std::function<QuantizedTensor()> blocks = {};
};
using NamedSources = std::vector<std::pair<std::string, TensorSource>>;

/// A tensor in memory as a source.
TensorSource source_of(const torch::Tensor& tensor);
/// float32 zeros.
TensorSource zeros_source(const std::vector<int64_t>& shape);
/// The transposed matrix.
TensorSource transposed(const TensorSource& source);
/// The source in another dtype. To float16, a value out of its range is an error naming `name`.
TensorSource cast(const TensorSource& source, torch::ScalarType dtype, const std::string& name);
/// Whether two sources have the same values, independent of their dtypes.
bool same_values(const TensorSource& a, const TensorSource& b);
/// LibTorch's type for a file's; fails for a quantised one.
torch::ScalarType scalar_type(DType dtype);
DType dtype_of(torch::ScalarType dtype);

/// Parameters and buffers of a module under their registered names.
NamedTensors tensors_of(const torch::nn::Module& module);

}  // namespace gptkit
