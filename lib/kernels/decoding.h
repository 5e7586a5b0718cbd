#pragma once
// What a step of decoding is made of (nn/decoding_block.h): functions over plain memory that a team
// of threads calls in parts. No autograd, no allocation, float32 between them.
//
// tolerance  relative to the largest result of the float64 mathematics of the same stored weights:
//            float formats 2e-5, quantised formats 2e-2 (inputs are rounded to 8 bits per 32)
// property   a row's result does not depend, to the bit, on the other rows, on how the work is cut
//            into parts, or on which tokens of a sequence were computed earlier. Between levels of
//            instructions (kernels/dispatch.h) results differ by rounding.

#include <cstdint>

#include "kernels/weight_panels.h"

namespace gptkit {

/// y = W x (+ bias) for the panels [first, last) of W.
using MatmulKernel = void(const Panels& w, const InputRows& x, const OutputRows& y, int64_t first,
                          int64_t last);

/// Rows [0, count) of x (count, stride), `width` elements each, rounded to 8 bits per 32 elements:
/// scale = max |x| / 127; and what that leaves to 8 bits more (weight_panels.h).
struct QuantizeTask {
  const float* x;
  int64_t count, width, stride;  // width is a multiple of 32; zeros behind the real elements
  int8_t* q;
  float* scale;
  int32_t* sum;
  int8_t* fine;
  int32_t* fine_sum;
};

/// Layer norm (bias) or RMS norm (no bias) of `count` rows; out may be x.
struct NormTask {
  const float* x;
  int64_t count, width, stride;
  const float* weight;
  const float* bias;
  double epsilon;
  float* out;
};

/// The activation of an MLP: `count` rows of x (count, stride) to rows of out (count, out_stride).
/// GELU of `width` elements, or SwiGLU: silu of the first `width` elements times the `width`
/// elements that begin at `up`.
struct ActivationTask {
  const float* x;
  float* out;
  int64_t count, width, stride, out_stride;
  int64_t up = 0;
};

/// Keys and values of one page of a sequence, for one block and key/value head: `kPageTokens`
/// tokens. Keys (D, kPageTokens), values (kPageTokens, D), D padded to a multiple of kLanes.
inline constexpr int64_t kPageTokens = 32;

enum class CacheKind : uint8_t { kFloat32, kBFloat16, kInt8 };

/// Bytes of keys or of values of one page, block and head. kInt8: one float32 scale a token behind
/// the elements.
constexpr int64_t cache_bytes(CacheKind kind, int64_t head_dim) {
  const int64_t elements = head_dim * kPageTokens;
  switch (kind) {
    case CacheKind::kFloat32:
      return elements * 4;
    case CacheKind::kBFloat16:
      return elements * 2;
    case CacheKind::kInt8:
      return elements + kPageTokens * 4;
  }
  return 0;
}

/// Attention of `queries` query vectors that share a key/value head: out = softmax(q K^T scale) V.
struct AttentionTask {
  CacheKind cache = CacheKind::kFloat32;
  std::byte* const* pages = nullptr;  // of the sequence, in order
  int64_t keys = 0, values = 0;       // where those of this block and head begin in a page (bytes)
  int64_t head_dim = 0;               // D, padded to a multiple of kLanes
  int64_t queries = 0;                // 1 to 4
  const float* const* q = nullptr;    // (queries) of D floats, zeros behind the head's own size
  float* const* out = nullptr;        // (queries) of D floats
  const int64_t* seen = nullptr;      // (queries): tokens 0 ... seen - 1 are attended to
  float scale = 1;
};
inline constexpr int64_t kMaxQueries = 4;

/// Stores the key and the value (D floats) of token `slot` of a page.
struct CacheWriteTask {
  CacheKind cache = CacheKind::kFloat32;
  std::byte* page = nullptr;
  int64_t keys = 0, values = 0;
  int64_t head_dim = 0;
  int64_t slot = 0;  // 0 to kPageTokens - 1
  const float* key = nullptr;
  const float* value = nullptr;
};

/// One level's implementations.
struct DecodingKernels {
  MatmulKernel* matmul = nullptr;
  void (*quantize)(const QuantizeTask&) = nullptr;
  void (*norm)(const NormTask&) = nullptr;
  void (*gelu)(const ActivationTask&) = nullptr;
  void (*swiglu)(const ActivationTask&) = nullptr;
  void (*attend)(const AttentionTask&) = nullptr;
  void (*write_cache)(const CacheWriteTask&) = nullptr;
  /// Index of the first largest of `count` values; -1 when one of them is NaN or infinite.
  int64_t (*argmax)(const float* values, int64_t count) = nullptr;
  const char* name = "";
};

}  // namespace gptkit
