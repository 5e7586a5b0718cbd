// kernels/decoding.h for AVX2 with FMA and F16C; 16 lanes are two registers.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace {

struct Lanes {
  __m256 a, b;
};
struct Bytes {
  __m256i a, b;
};
using Sums = Bytes;

constexpr const char* kName = "avx2";
constexpr int64_t kMostColumns = 4;  // inputs whose sums stay in the 16 registers

/// All bits set in the lanes below n.
inline Bytes first_lanes(int64_t n) {
  const __m256i bound = _mm256_set1_epi32(static_cast<int>(n < 0 ? 0 : n > 16 ? 16 : n));
  return {_mm256_cmpgt_epi32(bound, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
          _mm256_cmpgt_epi32(bound, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15))};
}

inline Lanes zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Lanes set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Lanes load(const float* x) { return {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)}; }
inline Lanes load_some(const float* x, int64_t n) {
  const Bytes mask = first_lanes(n);
  return {_mm256_maskload_ps(x, mask.a), _mm256_maskload_ps(x + 8, mask.b)};
}
inline void store(float* x, Lanes v) {
  _mm256_storeu_ps(x, v.a);
  _mm256_storeu_ps(x + 8, v.b);
}
inline void store_some(float* x, Lanes v, int64_t n) {
  const Bytes mask = first_lanes(n);
  _mm256_maskstore_ps(x, mask.a, v.a);
  _mm256_maskstore_ps(x + 8, mask.b, v.b);
}
inline Lanes add(Lanes x, Lanes y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
inline Lanes sub(Lanes x, Lanes y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
inline Lanes mul(Lanes x, Lanes y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
inline Lanes divide(Lanes x, Lanes y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
inline Lanes fma(Lanes x, Lanes y, Lanes z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline Lanes min(Lanes x, Lanes y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
inline Lanes max(Lanes x, Lanes y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
inline Lanes both_and(Lanes x, Bytes mask) {
  return {_mm256_and_ps(x.a, _mm256_castsi256_ps(mask.a)),
          _mm256_and_ps(x.b, _mm256_castsi256_ps(mask.b))};
}
inline Lanes magnitude(Lanes x) {
  const __m256i bits = _mm256_set1_epi32(0x7FFFFFFF);
  return both_and(x, {bits, bits});
}
inline float largest(Lanes x) {
  const __m256 eight = _mm256_max_ps(x.a, x.b);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}
inline float sum_of(Lanes x) {
  const __m256 eight = _mm256_add_ps(x.a, x.b);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
inline float first_lane(Lanes x) { return _mm256_cvtss_f32(x.a); }
inline float root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline Lanes rounded(Lanes x) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, kNearest), _mm256_round_ps(x.b, kNearest)};
}
inline __m256 power_of_two(__m256 n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline Lanes power_of_two(Lanes n) { return {power_of_two(n.a), power_of_two(n.b)}; }
inline Lanes keep_some(Lanes x, int64_t n) { return both_and(x, first_lanes(n)); }
inline Lanes zero_beyond(Lanes x, int64_t n) { return keep_some(x, n); }
inline Lanes lower_beyond(Lanes x, int64_t n) {
  const Bytes mask = first_lanes(n);
  const __m256 low = _mm256_set1_ps(-1e30F);
  return {_mm256_blendv_ps(low, x.a, _mm256_castsi256_ps(mask.a)),
          _mm256_blendv_ps(low, x.b, _mm256_castsi256_ps(mask.b))};
}
inline Lanes zero_below(Lanes x, float bound, Lanes y) {
  const __m256 limit = _mm256_set1_ps(bound);
  return {_mm256_and_ps(_mm256_cmp_ps(x.a, limit, _CMP_NLT_UQ), y.a),
          _mm256_and_ps(_mm256_cmp_ps(x.b, limit, _CMP_NLT_UQ), y.b)};
}
inline __m128i load16(const void* x) { return _mm_loadu_si128(static_cast<const __m128i*>(x)); }
inline Lanes load_half(const uint16_t* x) {
  return {_mm256_cvtph_ps(load16(x)), _mm256_cvtph_ps(load16(x + 8))};
}
inline __m256 widened(__m128i bfloat16) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bfloat16), 16));
}
inline Lanes load_bfloat16(const uint16_t* x) {
  return {widened(load16(x)), widened(load16(x + 8))};
}
inline Lanes load_int8(const int8_t* x) {
  const __m128i bytes = load16(x);
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline Bytes load_bytes(const std::byte* at) {
  const auto* words = reinterpret_cast<const __m256i*>(at);
  return {_mm256_loadu_si256(words), _mm256_loadu_si256(words + 1)};
}
inline void load_bfloat16_pairs(const std::byte* at, Lanes& first, Lanes& second) {
  const Bytes pairs = load_bytes(at);
  const __m256i high = _mm256_set1_epi32(static_cast<int>(0xFFFF0000U));
  first = {_mm256_castsi256_ps(_mm256_slli_epi32(pairs.a, 16)),
           _mm256_castsi256_ps(_mm256_slli_epi32(pairs.b, 16))};
  second = {_mm256_castsi256_ps(_mm256_and_si256(pairs.a, high)),
            _mm256_castsi256_ps(_mm256_and_si256(pairs.b, high))};
}
/// The 16 elements as whole numbers, -127 to 127; returns their sum.
inline int32_t store_rounded(int8_t* to, Lanes x) {
  const __m256i words = _mm256_permute4x64_epi64(
      _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)), 0xD8);
  const __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  int32_t sum = 0;
  for (int i = 0; i < 16; ++i) sum += to[i];
  return sum;
}

inline Bytes low_halves(Bytes x) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(x.a, mask), _mm256_and_si256(x.b, mask)};
}
inline Bytes high_halves(Bytes x) {
  return low_halves({_mm256_srli_epi16(x.a, 4), _mm256_srli_epi16(x.b, 4)});
}
/// dot4 takes 128 off each weight itself.
template <int32_t kZero>
inline Sums first_sum(int32_t all) {
  const __m256i begin = _mm256_set1_epi32(kZero == 128 ? 0 : -kZero * all);
  return {begin, begin};
}
/// Sums of four products. Pairs are summed in 16 bits, which must not overflow: with weights up to
/// 128 in size they do not, so u - 128 is taken apart into size and sign.
template <bool kCentred>
inline __m256i four_products(__m256i u, __m256i x) {
  if constexpr (kCentred) {
    const __m256i w = _mm256_xor_si256(u, _mm256_set1_epi8(static_cast<char>(0x80)));
    u = _mm256_abs_epi8(w);
    x = _mm256_sign_epi8(x, w);
  }
  return _mm256_madd_epi16(_mm256_maddubs_epi16(u, x), _mm256_set1_epi16(1));
}
template <bool kCentred>
inline Sums dot4(Sums sum, Bytes u, const int8_t* x) {
  int32_t four = 0;
  __builtin_memcpy(&four, x, sizeof four);
  const __m256i all = _mm256_set1_epi32(four);
  return {_mm256_add_epi32(sum.a, four_products<kCentred>(u.a, all)),
          _mm256_add_epi32(sum.b, four_products<kCentred>(u.b, all))};
}
inline Lanes to_float(Sums sum) { return {_mm256_cvtepi32_ps(sum.a), _mm256_cvtepi32_ps(sum.b)}; }

}  // namespace

#include "kernels/decoding_impl.h"
#include "kernels/x86/decoding_variants.h"

namespace gptkit::x86 {
const DecodingKernels& decoding_avx2() { return kKernels; }
}  // namespace gptkit::x86
