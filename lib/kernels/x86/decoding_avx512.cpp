// kernels/decoding.h for AVX-512 (F, BW, DQ, VL) with VNNI.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace {

using Lanes = __m512;
using Bytes = __m512i;
using Sums = __m512i;

constexpr const char* kName = "avx512-vnni";
constexpr int64_t kMostColumns = 8;  // inputs whose sums stay in the 32 registers

inline __mmask16 first_lanes(int64_t n) {
  return n >= 16  ? __mmask16{0xFFFF}
         : n <= 0 ? __mmask16{0}
                  : static_cast<__mmask16>((1U << n) - 1);
}

inline Lanes zero() { return _mm512_setzero_ps(); }
inline Lanes set(float x) { return _mm512_set1_ps(x); }
inline Lanes load(const float* x) { return _mm512_loadu_ps(x); }
inline Lanes load_some(const float* x, int64_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), x);
}
inline void store(float* x, Lanes v) { _mm512_storeu_ps(x, v); }
inline void store_some(float* x, Lanes v, int64_t n) {
  _mm512_mask_storeu_ps(x, first_lanes(n), v);
}
inline Lanes add(Lanes a, Lanes b) { return _mm512_add_ps(a, b); }
inline Lanes sub(Lanes a, Lanes b) { return _mm512_sub_ps(a, b); }
inline Lanes mul(Lanes a, Lanes b) { return _mm512_mul_ps(a, b); }
inline Lanes divide(Lanes a, Lanes b) { return _mm512_div_ps(a, b); }
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
inline Lanes min(Lanes a, Lanes b) { return _mm512_min_ps(a, b); }
inline Lanes max(Lanes a, Lanes b) { return _mm512_max_ps(a, b); }
inline Lanes magnitude(Lanes a) { return _mm512_abs_ps(a); }
inline float largest(Lanes a) { return _mm512_reduce_max_ps(a); }
inline float sum_of(Lanes a) { return _mm512_reduce_add_ps(a); }
inline float first_lane(Lanes a) { return _mm512_cvtss_f32(a); }
inline float root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline Lanes rounded(Lanes a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Lanes power_of_two(Lanes n) { return _mm512_scalef_ps(_mm512_set1_ps(1), n); }
inline Lanes keep_some(Lanes a, int64_t n) { return _mm512_maskz_mov_ps(first_lanes(n), a); }
inline Lanes zero_beyond(Lanes a, int64_t n) { return keep_some(a, n); }
inline Lanes lower_beyond(Lanes a, int64_t n) {
  return _mm512_mask_mov_ps(_mm512_set1_ps(-1e30F), first_lanes(n), a);
}
inline Lanes zero_below(Lanes x, float bound, Lanes a) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(bound), _CMP_NLT_UQ), a);
}
inline Lanes load_half(const uint16_t* x) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}
inline Lanes load_bfloat16(const uint16_t* x) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
inline Lanes load_int8(const int8_t* x) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
inline void load_bfloat16_pairs(const std::byte* at, Lanes& first, Lanes& second) {
  const __m512i pairs = _mm512_loadu_si512(at);
  first = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  second = _mm512_castsi512_ps(
      _mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xFFFF0000U))));
}
/// The 16 elements as whole numbers, -127 to 127; returns their sum.
inline int32_t store_rounded(int8_t* to, Lanes a) {
  const __m512i whole = _mm512_cvtps_epi32(a);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(whole));
  return _mm512_reduce_add_epi32(whole);
}

inline Bytes load_bytes(const std::byte* at) { return _mm512_loadu_si512(at); }
inline Bytes low_halves(Bytes a) { return _mm512_and_si512(a, _mm512_set1_epi8(15)); }
inline Bytes high_halves(Bytes a) { return low_halves(_mm512_srli_epi16(a, 4)); }
/// Where the sum over unsigned weights minus kZero begins: `all` is the sum of the inputs.
template <int32_t kZero>
inline Sums first_sum(int32_t all) {
  return _mm512_set1_epi32(-kZero * all);
}
/// Each lane adds the products of its four unsigned bytes and the four signed ones at x.
template <bool kCentred>
inline Sums dot4(Sums sum, Bytes u, const int8_t* x) {
  int32_t four = 0;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm512_dpbusd_epi32(sum, u, _mm512_set1_epi32(four));
}
inline Lanes to_float(Sums sum) { return _mm512_cvtepi32_ps(sum); }

}  // namespace

#include "kernels/decoding_impl.h"
#include "kernels/x86/decoding_variants.h"

namespace gptkit::x86 {
const DecodingKernels& decoding_avx512() { return kKernels; }
}  // namespace gptkit::x86
