#pragma once
// The common part of all weight formats: name, dtype, shape and position of the bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace gptkit {

/// Name, dtype and shape of a tensor that is not in a file yet.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  bool operator==(const TensorSpec&) const = default;
};

/// A tensor in a file: little-endian, `offset` from the start of the file.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::vector<std::int64_t> strides = {};  ///< in elements; empty: row-major without gaps
};

/// The bytes that a tensor of this shape fills. Fails, beginning with `what`, for more than 64
/// dimensions, a negative one, a last one that is no multiple of the dtype's block, or a size that
/// 63 bits cannot hold (zeros left aside, so that no stride overflows either).
std::uint64_t tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape,
                           std::string_view what);

}  // namespace gptkit
