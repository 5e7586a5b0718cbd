#pragma once
// What matmul.cpp, attention.cpp and cross_entropy.cpp share: packing into the panels that
// oneDNN's inner loop reads, and per-thread scratch memory. For this folder's .cpp files only.
//
// A panel is kPanel columns of the right-hand matrix B (K,N): pairs of rows side by side,
// panel[k / 2][column][k % 2], columns and rows beyond the matrix zero.

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <memory>

namespace gptkit::x86::panels {

inline constexpr int64_t kPanel = 64;  ///< columns of a panel
inline constexpr int64_t kRows = 64;   ///< rows of a tile
inline constexpr int64_t kDepth = 32;  ///< AMX multiplies 32 pairs deep

inline int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/// Columns [0, width) of B = W^T: W points at float32 rows, `depth` of each row is used.
void pack_rows(const float* w, int64_t stride, int64_t width, int64_t depth, c10::BFloat16* panel);
void pack_rows(const c10::BFloat16* w, int64_t stride, int64_t width, int64_t depth,
               c10::BFloat16* panel);
/// Columns [0, width) of B = W itself, `depth` rows, zeros up to a multiple of kDepth.
void pack_columns(const float* w, int64_t stride, int64_t width, int64_t depth,
                  c10::BFloat16* panel);
void pack_columns(const c10::BFloat16* w, int64_t stride, int64_t width, int64_t depth,
                  c10::BFloat16* panel);
/// x (rows, width) -> out (width, depth): x transposed, zeros from `rows` to depth, a multiple of
/// kDepth. width <= kPanel.
void transpose_block(const c10::BFloat16* x, int64_t stride, int64_t rows, int64_t width,
                     int64_t depth, c10::BFloat16* out);

/// C (rows, columns) float32 [+]= A (rows, depth) * panel. Wraps oneDNN's inner loop.
void multiply(int64_t rows, int64_t columns, int64_t depth, const c10::BFloat16* a,
              int64_t a_stride, const c10::BFloat16* panel, float* c, int64_t c_stride, bool add);
/// Asks for a block of rows before it is needed, so that memory works while the processor
/// multiplies.
inline void prefetch(const float* block, int64_t stride, int64_t rows, int64_t columns) {
  constexpr int64_t kLine = 16;  // float32 of a cache line
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; column += kLine) {
      __builtin_prefetch(block + row * stride + column, /*rw=*/0, /*locality=*/2);
    }
  }
}
/// Gives the AMX tiles back; at the end of a thread's work.
void release();

/// Memory that a thread keeps from call to call, aligned to a cache line; `slot` tells several
/// buffers of one thread apart (0 to 3).
void* scratch(int slot, int64_t bytes);
inline c10::BFloat16* scratch_bfloat16(int slot, int64_t count) {
  return static_cast<c10::BFloat16*>(scratch(slot, count * 2));
}
inline float* scratch_float(int slot, int64_t count) {
  return static_cast<float*>(scratch(slot, count * 4));
}

}  // namespace gptkit::x86::panels
