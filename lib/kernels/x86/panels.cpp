#include "kernels/x86/panels.h"

#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

#include "kernels/x86/avx512.h"

namespace gptkit::x86::panels {

namespace {

using c10::BFloat16;

/// Words of a panel: a pair of bfloat16 each.
int32_t* words(BFloat16* panel, int64_t pair, int64_t column) {
  return reinterpret_cast<int32_t*>(panel) + pair * kPanel + column;
}

GPTKIT_AVX512_INLINE __m512i pairs_of_row(const float* row, int64_t count) {
  const __m512 low = _mm512_maskz_loadu_ps(avx512::lanes(count), row);
  const __m512 high =
      count > 16 ? _mm512_maskz_loadu_ps(avx512::lanes(count - 16), row + 16) : _mm512_setzero_ps();
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

GPTKIT_AVX512_INLINE __m512i pairs_of_row(const BFloat16* row, int64_t count) {
  const auto mask = count >= 32 ? ~__mmask32{0} : static_cast<__mmask32>((1U << count) - 1);
  return _mm512_maskz_loadu_epi16(mask, row);
}

GPTKIT_AVX512_INLINE __m512i halves(const float* row, __mmask16 mask) {
  return _mm512_cvtepu16_epi32(avx512::narrow(_mm512_maskz_loadu_ps(mask, row)));
}
GPTKIT_AVX512_INLINE __m512i halves(const BFloat16* row, __mmask16 mask) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, row));
}

/// Rows `row` and `row + 1` side by side; a row from `rows` on is zero.
template <class T>
GPTKIT_AVX512_INLINE __m512i interleaved(const T* x, int64_t stride, int64_t row, int64_t rows,
                                         __mmask16 mask) {
  __m512i word = row < rows ? halves(x + row * stride, mask) : _mm512_setzero_si512();
  if (row + 1 < rows) {
    word = _mm512_or_si512(word, _mm512_slli_epi32(halves(x + (row + 1) * stride, mask), 16));
  }
  return word;
}

template <class T>
GPTKIT_AVX512 void pack_columns_of(const T* w, int64_t stride, int64_t width, int64_t depth,
                                   BFloat16* panel) {
  for (int64_t k = 0; k < round_up(depth, kDepth); k += 2) {
    for (int64_t n = 0; n < kPanel; n += 16) {
      const auto mask = avx512::lanes(std::max<int64_t>(0, width - n));
      _mm512_storeu_si512(words(panel, k / 2, n), interleaved(w + n, stride, k, depth, mask));
    }
  }
}

template <class T>
GPTKIT_AVX512 void pack_rows_of(const T* w, int64_t stride, int64_t width, int64_t depth,
                                BFloat16* panel) {
  for (int64_t n = 0; n < kPanel; n += 16) {
    for (int64_t k = 0; k < depth; k += kDepth) {
      __m512i block[16];
      for (int64_t i = 0; i < 16; ++i) {
        block[i] = n + i < width ? pairs_of_row(w + (n + i) * stride + k, depth - k)
                                 : _mm512_setzero_si512();
      }
      avx512::transpose(block);
      for (int64_t i = 0; i < 16; ++i) _mm512_storeu_si512(words(panel, k / 2 + i, n), block[i]);
    }
  }
}

}  // namespace

void pack_rows(const float* w, int64_t stride, int64_t width, int64_t depth, BFloat16* panel) {
  pack_rows_of(w, stride, width, depth, panel);
}
void pack_rows(const BFloat16* w, int64_t stride, int64_t width, int64_t depth, BFloat16* panel) {
  pack_rows_of(w, stride, width, depth, panel);
}
void pack_columns(const float* w, int64_t stride, int64_t width, int64_t depth, BFloat16* panel) {
  pack_columns_of(w, stride, width, depth, panel);
}
void pack_columns(const BFloat16* w, int64_t stride, int64_t width, int64_t depth,
                  BFloat16* panel) {
  pack_columns_of(w, stride, width, depth, panel);
}

GPTKIT_AVX512 void transpose_block(const BFloat16* x, int64_t stride, int64_t rows, int64_t width,
                                   int64_t depth, BFloat16* out) {
  for (int64_t t = 0; t < depth; t += kDepth) {
    for (int64_t n = 0; n < width; n += 16) {
      const int64_t columns = std::min<int64_t>(16, width - n);
      const auto mask = avx512::lanes(columns);
      __m512i block[16];
      for (int64_t i = 0; i < 16; ++i) {
        block[i] = interleaved(x + n, stride, t + 2 * i, rows, mask);
      }
      avx512::transpose(block);
      for (int64_t i = 0; i < columns; ++i) {
        _mm512_storeu_si512(out + (n + i) * depth + t, block[i]);
      }
    }
  }
}

void multiply(int64_t rows, int64_t columns, int64_t depth, const BFloat16* a, int64_t a_stride,
              const BFloat16* panel, float* c, int64_t c_stride, bool add) {
  at::native::cpublas::brgemm(rows, columns, depth, a_stride, kPanel, c_stride, add, a, panel, c);
}

void release() { at::native::cpublas::brgemm_release(); }

void* scratch(int slot, int64_t bytes) {
  struct Buffer {
    void* data = nullptr;
    int64_t bytes = 0;
    ~Buffer() { std::free(data); }
  };
  thread_local std::array<Buffer, 4> buffers;
  auto& buffer = buffers.at(static_cast<size_t>(slot));
  if (buffer.bytes < bytes) {
    std::free(buffer.data);
    buffer.bytes = round_up(bytes, 64);
    buffer.data = std::aligned_alloc(64, static_cast<size_t>(buffer.bytes));
    if (!buffer.data) {
      buffer.bytes = 0;
      throw std::bad_alloc();
    }
  }
  return buffer.data;
}

}  // namespace gptkit::x86::panels
