// kernels/decoding.h in portable C++: every processor, and the form to read first.
#include "kernels/reference/decoding.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/quantization.h"

namespace {

struct Lanes {
  float v[16];
};
struct Bytes {
  uint8_t v[64];
};
struct Sums {
  int32_t v[16];
};

constexpr const char* kName = "portable";
constexpr int64_t kMostColumns = 4;

/// f of each lane of some vectors.
template <class F, class... Vectors>
inline Lanes each(const F& f, const Vectors&... x) {
  Lanes y;
  for (int i = 0; i < 16; ++i) y.v[i] = f(x.v[i]...);
  return y;
}
template <class F>
inline Lanes each_index(const F& f) {
  Lanes y;
  for (int i = 0; i < 16; ++i) y.v[i] = f(i);
  return y;
}

inline Lanes set(float x) {
  return each_index([&](int) { return x; });
}
inline Lanes zero() { return set(0); }
inline Lanes load(const float* x) {
  return each_index([&](int i) { return x[i]; });
}
inline Lanes load_some(const float* x, int64_t n) {
  return each_index([&](int i) { return i < n ? x[i] : 0.0F; });
}
inline void store(float* x, const Lanes& a) { std::memcpy(x, a.v, sizeof a.v); }
inline void store_some(float* x, const Lanes& a, int64_t n) {
  for (int64_t i = 0; i < n && i < 16; ++i) x[i] = a.v[i];
}
inline Lanes add(const Lanes& a, const Lanes& b) {
  return each([](float x, float y) { return x + y; }, a, b);
}
inline Lanes sub(const Lanes& a, const Lanes& b) {
  return each([](float x, float y) { return x - y; }, a, b);
}
inline Lanes mul(const Lanes& a, const Lanes& b) {
  return each([](float x, float y) { return x * y; }, a, b);
}
inline Lanes divide(const Lanes& a, const Lanes& b) {
  return each([](float x, float y) { return x / y; }, a, b);
}
inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  return each([](float x, float y, float z) { return x * y + z; }, a, b, c);
}
inline Lanes min(const Lanes& a, const Lanes& b) {
  return each([](float x, float y) { return x < y ? x : y; }, a, b);
}
inline Lanes max(const Lanes& a, const Lanes& b) {
  return each([](float x, float y) { return x > y ? x : y; }, a, b);
}
inline Lanes magnitude(const Lanes& a) {
  return each([](float x) { return std::fabs(x); }, a);
}
inline float largest(const Lanes& a) {
  float most = a.v[0];
  for (const float x : a.v) most = x > most ? x : most;
  return most;
}
inline float sum_of(const Lanes& a) {
  float sum = 0;
  for (const float x : a.v) sum += x;
  return sum;
}
inline float first_lane(const Lanes& a) { return a.v[0]; }
inline float root(float x) { return std::sqrt(x); }
inline Lanes rounded(const Lanes& a) {
  return each([](float x) { return std::nearbyint(x); }, a);
}
inline Lanes power_of_two(const Lanes& n) {
  return each([](float x) { return std::ldexp(1.0F, static_cast<int>(x)); }, n);
}
inline Lanes keep_some(const Lanes& a, int64_t n) {
  return each_index([&](int i) { return i < n ? a.v[i] : 0.0F; });
}
inline Lanes zero_beyond(const Lanes& a, int64_t n) { return keep_some(a, n); }
inline Lanes lower_beyond(const Lanes& a, int64_t n) {
  return each_index([&](int i) { return i < n ? a.v[i] : -1e30F; });
}
inline Lanes zero_below(const Lanes& x, float bound, const Lanes& a) {
  return each([&](float here, float y) { return here < bound ? 0.0F : y; }, x, a);
}
inline Lanes load_half(const uint16_t* x) {
  return each_index([&](int i) { return gptkit::half_to_float(x[i]); });
}
inline float from_bfloat16(uint16_t half) {
  const uint32_t bits = uint32_t{half} << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline Lanes load_bfloat16(const uint16_t* x) {
  return each_index([&](int i) { return from_bfloat16(x[i]); });
}
inline Lanes load_int8(const int8_t* x) {
  return each_index([&](int i) { return static_cast<float>(x[i]); });
}
inline void load_bfloat16_pairs(const std::byte* at, Lanes& first, Lanes& second) {
  const auto* pairs = reinterpret_cast<const uint16_t*>(at);
  first = each_index([&](int i) { return from_bfloat16(pairs[2 * i]); });
  second = each_index([&](int i) { return from_bfloat16(pairs[2 * i + 1]); });
}
/// The 16 elements as whole numbers, -127 to 127; returns their sum. NaN becomes 0.
inline int32_t store_rounded(int8_t* to, const Lanes& a) {
  int32_t sum = 0;
  for (int i = 0; i < 16; ++i) {
    to[i] = a.v[i] == a.v[i] ? static_cast<int8_t>(std::nearbyint(a.v[i])) : int8_t{0};
    sum += to[i];
  }
  return sum;
}

inline Bytes load_bytes(const std::byte* at) {
  Bytes bytes;
  std::memcpy(bytes.v, at, sizeof bytes.v);
  return bytes;
}
inline Bytes low_halves(Bytes x) {
  for (auto& byte : x.v) byte &= 15;
  return x;
}
inline Bytes high_halves(Bytes x) {
  for (auto& byte : x.v) byte = static_cast<uint8_t>(byte >> 4);
  return x;
}
/// Where the sum over unsigned weights minus kZero begins: `all` is the sum of the inputs.
template <int32_t kZero>
inline Sums first_sum(int32_t all) {
  Sums sum;
  for (auto& lane : sum.v) lane = -kZero * all;
  return sum;
}
/// Each lane adds the products of its four unsigned bytes and the four signed ones at x.
template <bool kCentred>
inline Sums dot4(Sums sum, const Bytes& u, const int8_t* x) {
  for (int i = 0; i < 16; ++i) {
    for (int k = 0; k < 4; ++k) sum.v[i] += u.v[4 * i + k] * x[k];
  }
  return sum;
}
inline Lanes to_float(const Sums& sum) {
  return each_index([&](int i) { return static_cast<float>(sum.v[i]); });
}

}  // namespace

#include "kernels/decoding_impl.h"

namespace gptkit::reference {
const DecodingKernels& decoding() { return kKernels; }
}  // namespace gptkit::reference
