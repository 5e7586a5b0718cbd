#include "tensors/tensor_source.h"

#include <ATen/ops/equal.h>

#include "base/error.h"
#include "tensors/finite.h"

namespace gptkit {

torch::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return torch::kFloat64;
    case DType::kFloat32:
      return torch::kFloat32;
    case DType::kFloat16:
      return torch::kFloat16;
    case DType::kBFloat16:
      return torch::kBFloat16;
    case DType::kInt64:
      return torch::kInt64;
    case DType::kInt32:
      return torch::kInt32;
    case DType::kInt16:
      return torch::kInt16;
    case DType::kInt8:
      return torch::kInt8;
    case DType::kUInt8:
      return torch::kUInt8;
    case DType::kBool:
      return torch::kBool;
    default:
      fail("LibTorch has no dtype ", name(dtype));
  }
}

DType dtype_of(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat64:
      return DType::kFloat64;
    case torch::kFloat32:
      return DType::kFloat32;
    case torch::kFloat16:
      return DType::kFloat16;
    case torch::kBFloat16:
      return DType::kBFloat16;
    case torch::kInt64:
      return DType::kInt64;
    case torch::kInt32:
      return DType::kInt32;
    case torch::kInt16:
      return DType::kInt16;
    case torch::kInt8:
      return DType::kInt8;
    case torch::kUInt8:
      return DType::kUInt8;
    case torch::kBool:
      return DType::kBool;
    default:
      fail("no weight format here has the dtype ", dtype);
  }
}

TensorSource source_of(const torch::Tensor& tensor) {
  return {tensor.scalar_type(), dtype_of(tensor.scalar_type()), tensor.sizes().vec(),
          [tensor] { return tensor.detach(); }};
}

TensorSource zeros_source(const std::vector<int64_t>& shape) {
  return {torch::kFloat32, DType::kFloat32, shape, [shape] { return torch::zeros(shape); }};
}

TensorSource transposed(const TensorSource& source) {
  require(source.shape.size() == 2, "a matrix with ", source.shape.size(), " dimensions");
  auto result = source;
  std::swap(result.shape[0], result.shape[1]);
  result.load = [load = source.load] { return load().t(); };
  return result;
}

TensorSource cast(const TensorSource& source, torch::ScalarType dtype, const std::string& name) {
  if (source.dtype == dtype) return source;
  return {dtype, source.stored, source.shape, [source, dtype, name] {
            const auto from = source.load();
            auto to = from.to(dtype);
            if (dtype == torch::kFloat16) {
              require(all_finite(to), "tensor '", name,
                      "' has values beyond float16's 65,504; choose bfloat16 or float32");
            }
            return to;
          }};
}

bool same_values(const TensorSource& a, const TensorSource& b) {
  if (a.shape != b.shape) return false;
  const auto x = a.load(), y = b.load();
  if (x.scalar_type() == y.scalar_type()) {
    const bool shared = x.const_data_ptr() == y.const_data_ptr() && x.strides() == y.strides();
    return shared || at::equal(x, y);
  }
  return at::equal(x.to(torch::kFloat32), y.to(torch::kFloat32));
}

NamedTensors tensors_of(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters()) {
    tensors.emplace_back(item.key(), item.value().detach());
  }
  for (const auto& item : module.named_buffers()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

}  // namespace gptkit
