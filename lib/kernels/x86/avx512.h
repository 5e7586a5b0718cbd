#pragma once
// Vectors of 16 float32 and their bfloat16 halves, for this folder's .cpp files only. Functions
// marked GPTKIT_AVX512 run only at the levels that have AVX-512 BF16 (kernels/dispatch.h); the rest
// of the program is compiled for any x86-64.

#include <immintrin.h>

#include <cstdint>

#define GPTKIT_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")))
#define GPTKIT_AVX512_INLINE GPTKIT_AVX512 inline

namespace gptkit::x86::avx512 {

/// bfloat16 is the upper half of a float32.
GPTKIT_AVX512_INLINE __m512 widen(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
GPTKIT_AVX512_INLINE __m256i narrow(__m512 x) { return (__m256i)_mm512_cvtneps_pbh(x); }

GPTKIT_AVX512_INLINE __m512 load(const void* bfloat16) {
  return widen(_mm256_loadu_si256(static_cast<const __m256i*>(bfloat16)));
}
GPTKIT_AVX512_INLINE void store(void* bfloat16, __m512 x) {
  _mm256_storeu_si256(static_cast<__m256i*>(bfloat16), narrow(x));
}

/// The first `count` (0 to 16) lanes.
GPTKIT_AVX512_INLINE __mmask16 lanes(int64_t count) {
  return count >= 16 ? __mmask16{0xFFFF} : static_cast<__mmask16>((1U << count) - 1);
}
/// The same for these lanes alone: load gives zero in the others, store leaves them unchanged.
GPTKIT_AVX512_INLINE __m512 load(const void* bfloat16, __mmask16 mask) {
  return widen(_mm256_maskz_loadu_epi16(mask, bfloat16));
}
GPTKIT_AVX512_INLINE void store(void* bfloat16, __m512 x, __mmask16 mask) {
  _mm256_mask_storeu_epi16(bfloat16, mask, narrow(x));
}

/// Loads and stores of 16 elements, or of the first few. A masked store takes several times as
/// long, so loops use it only behind their last whole vector.
struct AllLanes {
  GPTKIT_AVX512 __m512 floats(const float* x) const { return _mm512_loadu_ps(x); }
  GPTKIT_AVX512 __m512 load(const void* bfloat16) const { return avx512::load(bfloat16); }
  GPTKIT_AVX512 void store(void* bfloat16, __m512 x) const { avx512::store(bfloat16, x); }
};
struct SomeLanes {
  __mmask16 mask;
  GPTKIT_AVX512 __m512 floats(const float* x) const { return _mm512_maskz_loadu_ps(mask, x); }
  GPTKIT_AVX512 __m512 load(const void* bfloat16) const { return avx512::load(bfloat16, mask); }
  GPTKIT_AVX512 void store(void* bfloat16, __m512 x) const { avx512::store(bfloat16, x, mask); }
};

/// e^x, to two units in the last place; 0 below -87, e^80 above 80. So no result and no reciprocal
/// is denormal: processors compute with denormal numbers a hundred times more slowly.
GPTKIT_AVX512_INLINE __m512 exp(__m512 x) {
  // Of an unordered pair min and max give the second: NaN stays NaN.
  const __m512 bounded =
      _mm512_min_ps(_mm512_set1_ps(80), _mm512_max_ps(_mm512_set1_ps(-87.3F), x));
  // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts keeps r exact.
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(bounded, _mm512_set1_ps(1.44269504F)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375F), bounded);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4F), r);
  // Taylor's series to r^6.
  __m512 p = _mm512_set1_ps(1.0F / 720);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F / 120));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F / 24));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F / 6));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  const __m512 result = _mm512_scalef_ps(p, n);
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.3F), _CMP_NLT_UQ), result);
}

/// GELU's tanh form written with a logistic function: 0.5 (1 + tanh z) = 1 / (1 + e^-2z).
struct Gelu {
  __m512 value, slope;
};
GPTKIT_AVX512_INLINE Gelu gelu(__m512 x) {
  const __m512 one = _mm512_set1_ps(1), square = _mm512_mul_ps(x, x);
  const __m512 scale = _mm512_set1_ps(-2 * 0.7978845608F);
  const __m512 z = _mm512_mul_ps(_mm512_mul_ps(scale, x),
                                 _mm512_fmadd_ps(_mm512_set1_ps(0.044715F), square, one));  // -2z
  const __m512 s = _mm512_div_ps(one, _mm512_add_ps(one, exp(z)));
  const __m512 dz = _mm512_mul_ps(
      scale, _mm512_fmadd_ps(_mm512_set1_ps(3 * 0.044715F), square, one));  // -2 dz/dx
  const __m512 ds = _mm512_mul_ps(_mm512_mul_ps(s, _mm512_sub_ps(s, one)), dz);
  return {_mm512_mul_ps(x, s), _mm512_fmadd_ps(x, ds, s)};
}

/// A 16 x 16 matrix of 32-bit words, one register a row, transposed in place.
GPTKIT_AVX512_INLINE void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

}  // namespace gptkit::x86::avx512
