#pragma once
// The types that tensors have in files and in memory.

#include <cstddef>
#include <string_view>

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
  // GGML's block formats: neighbours in a row share their scale (base/quantization.h).
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

}  // namespace gptkit
