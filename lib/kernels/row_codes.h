#pragma once
// One row of a quantised matrix as whole numbers and scales, on the way from GGML's blocks
// (base/quantization.h) or from float32 into panels (kernels/weight_panels.h).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/dtype.h"

namespace gptkit {

/// value = scale (u - 128) in bytes, scale (u - 8) in nibbles, or scale u + minimum.
struct RowCodes {
  std::vector<uint8_t> u;
  std::vector<uint16_t> scale, minimum;  // float16, one a group; no minima in most formats

  bool finite() const;  // all scales and minima
};

struct CodeKind {
  bool nibbles;
  int group;
  bool minima;
};
/// How the codes of a block format are kept.
CodeKind code_kind(DType dtype);

/// The codes of one row of whole blocks.
void decode_codes(DType dtype, std::span<const std::byte> blocks, RowCodes& codes);

/// Elements that share a scale in int8 and int4; the width is a multiple of it.
inline constexpr int64_t kIntegerGroup = 64;

/// scale = max |x| / 127, or a slightly larger one that loses less
void quantize_int8(std::span<const float> row, RowCodes& codes);
/// scale = -x / 8 of the x farthest from 0
void quantize_int4(std::span<const float> row, RowCodes& codes);

}  // namespace gptkit
