#pragma once
// What every weight format comes down to: a name, a dtype, a shape and where the bytes lie.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

enum class DType {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUInt8,
  kBool,
  // GGML's block formats: some elements of a row share their scale. Layouts:
  // formats/quantization.h.
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ6_K,
};

/// "float32", "bfloat16" ...: PyTorch's names; "q4_k" ...: GGML's.
std::string_view name(DType dtype);

/// How elements are stored: `elements` of them together in `bytes`. 1 element but for GGML's
/// formats.
struct DTypeBlock {
  std::size_t elements, bytes;
};
DTypeBlock block_of(DType dtype);
inline bool is_quantized(DType dtype) { return block_of(dtype).elements > 1; }

/// What a tensor is, before it has a place in a file.
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
