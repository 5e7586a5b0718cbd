#include "formats/tensor_info.h"

#include <cassert>
#include <limits>

#include "base/error.h"

namespace gptkit {

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return "float64";
    case DType::kFloat32:
      return "float32";
    case DType::kFloat16:
      return "float16";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kInt64:
      return "int64";
    case DType::kInt32:
      return "int32";
    case DType::kInt16:
      return "int16";
    case DType::kInt8:
      return "int8";
    case DType::kUInt8:
      return "uint8";
    case DType::kBool:
      return "bool";
  }
  assert(false);
  return "";
}

std::size_t bytes_per_element(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
    case DType::kInt64:
      return 8;
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kInt16:
      return 2;
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kBool:
      return 1;
  }
  assert(false);
  return 1;
}

std::uint64_t tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape,
                           std::string_view what) {
  constexpr std::size_t kMaxDimensions = 64;  // as many as LibTorch takes
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  require(shape.size() <= kMaxDimensions, what, " has ", shape.size(), " dimensions; at most ",
          kMaxDimensions, " are accepted");
  std::uint64_t bytes = bytes_per_element(dtype);
  bool empty = false;
  for (const std::int64_t size : shape) {
    require(size >= 0, what, " has a dimension of ", size, "; expected none below 0");
    empty = empty || size == 0;
    if (size == 0) continue;
    require(bytes <= kMax / static_cast<std::uint64_t>(size), what,
            " has a shape whose size overflows 64 bits");
    bytes *= static_cast<std::uint64_t>(size);
  }
  return empty ? 0 : bytes;
}

}  // namespace gptkit
