#include "base/quantization.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"

// Compiled with -ffp-contract=off: a fused multiply-add rounds once where GGML rounds twice.

namespace gptkit {
namespace {

using Byte = std::uint8_t;

constexpr int kHalfRow = 16;  // of the blocks of 32

float half_at(const Byte* at) {
  std::uint16_t half = 0;
  std::memcpy(&half, at, sizeof half);
  return half_to_float(half);
}

std::uint32_t word_at(const Byte* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

float real(int value) { return static_cast<float>(value); }

int low(Byte byte) { return byte & 15; }
int high(Byte byte) { return byte >> 4; }

void decode_q4_0(const Byte* block, float* __restrict out) {
  const float d = half_at(block);
  for (int j = 0; j < kHalfRow; ++j) {
    const Byte pair = block[2 + j];
    out[j] = real(low(pair) - 8) * d;
    out[j + kHalfRow] = real(high(pair) - 8) * d;
  }
}

void decode_q4_1(const Byte* block, float* __restrict out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int j = 0; j < kHalfRow; ++j) {
    const Byte pair = block[4 + j];
    out[j] = real(low(pair)) * d + m;
    out[j + kHalfRow] = real(high(pair)) * d + m;
  }
}

/// Bit `index` of `bits` as the fifth bit of a number.
int fifth(std::uint32_t bits, int index) { return static_cast<int>(bits >> index & 1) << 4; }

void decode_q5_0(const Byte* block, float* __restrict out) {
  const float d = half_at(block);
  const std::uint32_t bits = word_at(block + 2);
  for (int j = 0; j < kHalfRow; ++j) {
    const Byte pair = block[6 + j];
    out[j] = real((low(pair) | fifth(bits, j)) - 16) * d;
    out[j + kHalfRow] = real((high(pair) | fifth(bits, j + kHalfRow)) - 16) * d;
  }
}

void decode_q5_1(const Byte* block, float* __restrict out) {
  const float d = half_at(block), m = half_at(block + 2);
  const std::uint32_t bits = word_at(block + 4);
  for (int j = 0; j < kHalfRow; ++j) {
    const Byte pair = block[8 + j];
    out[j] = real(low(pair) | fifth(bits, j)) * d + m;
    out[j + kHalfRow] = real(high(pair) | fifth(bits, j + kHalfRow)) * d + m;
  }
}

void decode_q8_0(const Byte* block, float* __restrict out) {
  const float d = half_at(block);
  for (int j = 0; j < 2 * kHalfRow; ++j) out[j] = real(static_cast<std::int8_t>(block[2 + j])) * d;
}

struct ScaleAndMinimum {
  int scale, minimum;
};

/// Of run `r` of 8, from the 12 bytes of a q4_k block.
ScaleAndMinimum scale_and_minimum(const Byte* packed, int r) {
  if (r < 4) return {packed[r] & 63, packed[r + 4] & 63};
  return {low(packed[r + 4]) | (packed[r - 4] >> 6) << 4, high(packed[r + 4]) | (packed[r] >> 6)
                                                                                    << 4};
}

void decode_q4_k(const Byte* block, float* __restrict out) {
  const float d = half_at(block), dmin = half_at(block + 2);
  const Byte* const packed = block + 4;
  for (int pair = 0; pair < 4; ++pair) {
    const auto [s0, m0] = scale_and_minimum(packed, 2 * pair);
    const auto [s1, m1] = scale_and_minimum(packed, 2 * pair + 1);
    const float scale0 = d * real(s0), minimum0 = dmin * real(m0);
    const float scale1 = d * real(s1), minimum1 = dmin * real(m1);
    const Byte* const q = block + 16 + 32 * pair;
    for (int j = 0; j < 32; ++j) out[64 * pair + j] = scale0 * real(low(q[j])) - minimum0;
    for (int j = 0; j < 32; ++j) out[64 * pair + 32 + j] = scale1 * real(high(q[j])) - minimum1;
  }
}

void decode_q6_k(const Byte* block, float* __restrict out) {
  const float d = half_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const Byte* const lows = block + 64 * half;
    const Byte* const highs = block + 128 + 32 * half;
    std::array<float, 8> scales;
    for (int s = 0; s < 8; ++s) {
      scales[s] = d * real(static_cast<std::int8_t>(block[192 + 8 * half + s]));
    }
    float* const to = out + 128 * half;
    for (int j = 0; j < 32; ++j) {
      const int s = j / 16;
      to[j] = scales[s] * real((low(lows[j]) | (highs[j] & 3) << 4) - 32);
      to[j + 32] = scales[s + 2] * real((low(lows[j + 32]) | (highs[j] >> 2 & 3) << 4) - 32);
      to[j + 64] = scales[s + 4] * real((high(lows[j]) | (highs[j] >> 4 & 3) << 4) - 32);
      to[j + 96] = scales[s + 6] * real((high(lows[j + 32]) | (highs[j] >> 6) << 4) - 32);
    }
  }
}

using Decode = void (*)(const Byte*, float*);

Decode decoder_of(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return decode_q4_0;
    case DType::kQ4_1:
      return decode_q4_1;
    case DType::kQ5_0:
      return decode_q5_0;
    case DType::kQ5_1:
      return decode_q5_1;
    case DType::kQ8_0:
      return decode_q8_0;
    case DType::kQ4_K:
      return decode_q4_k;
    case DType::kQ6_K:
      return decode_q6_k;
    default:
      fail(name(dtype),
           " is not a block format; expected q4_0, q4_1, q5_0, q5_1, q8_0, q4_k or q6_k");
  }
}

void check_sizes(DTypeBlock block, DType dtype, std::size_t bytes, std::size_t values) {
  require(bytes % block.bytes == 0 && values % block.elements == 0 &&
              bytes / block.bytes == values / block.elements,
          bytes, " bytes of ", name(dtype), " do not hold ", values, " values; ", block.elements,
          " take ", block.bytes, " bytes");
}

void store_half(float value, Byte* at) {
  const std::uint16_t half = float_to_half(value);
  std::memcpy(at, &half, sizeof half);
}

/// 1 / d; 0 where that is infinite (d is then 0 as a float16, so that every q means 0).
float inverse(float d) {
  const float result = d == 0 ? 0 : 1 / d;
  return std::isinf(result) ? 0 : result;
}

void encode_q8_0(const float* values, Byte* block) {
  float largest = 0;
  for (int j = 0; j < 2 * kHalfRow; ++j) largest = std::max(largest, std::fabs(values[j]));
  const float d = largest / 127, id = inverse(d);
  store_half(d, block);
  for (int j = 0; j < 2 * kHalfRow; ++j) {
    block[2 + j] = static_cast<Byte>(static_cast<int>(std::round(values[j] * id)));
  }
}

/// The value farthest from 0 becomes -8, so its sign is the opposite of the scale's.
void encode_q4_0(const float* values, Byte* block) {
  float farthest = 0;
  for (int j = 0; j < 2 * kHalfRow; ++j) {
    if (std::fabs(farthest) < std::fabs(values[j])) farthest = values[j];
  }
  const float d = farthest / -8, id = inverse(d);
  store_half(d, block);
  const auto whole = [&](float value) { return std::min(15, static_cast<int>(value * id + 8.5f)); };
  for (int j = 0; j < kHalfRow; ++j) {
    block[2 + j] = static_cast<Byte>(whole(values[j]) | whole(values[j + kHalfRow]) << 4);
  }
}

/// A conversion of what is not finite to a whole number is undefined, so this comes first.
void check_values(std::span<const float> values, float largest, DType dtype) {
  const auto bad = std::find_if(values.begin(), values.end(),
                                [&](float value) { return !(std::fabs(value) <= largest); });
  require(bad == values.end(), "value ", bad - values.begin(), " of ", values.size(), " is ",
          bad == values.end() ? 0 : *bad, "; ", name(dtype), " holds at most ", largest);
}

}  // namespace

void dequantize(DType dtype, std::span<const std::byte> blocks, std::span<float> values) {
  const Decode decode = decoder_of(dtype);
  const DTypeBlock block = block_of(dtype);
  check_sizes(block, dtype, blocks.size(), values.size());
  const auto* from = reinterpret_cast<const Byte*>(blocks.data());
  float* to = values.data();
  for (std::size_t n = blocks.size() / block.bytes; n > 0; --n) {
    decode(from, to);
    from += block.bytes;
    to += block.elements;
  }
}

void quantize(DType dtype, std::span<const float> values, std::span<std::byte> blocks) {
  require(dtype == DType::kQ8_0 || dtype == DType::kQ4_0, name(dtype),
          " cannot be written; expected q8_0 or q4_0");
  const bool eight = dtype == DType::kQ8_0;
  const DTypeBlock block = block_of(dtype);
  check_sizes(block, dtype, blocks.size(), values.size());
  constexpr float kMaxHalf = 65504;
  check_values(values, kMaxHalf * (eight ? 127 : 8), dtype);
  const float* from = values.data();
  auto* to = reinterpret_cast<Byte*>(blocks.data());
  for (std::size_t n = blocks.size() / block.bytes; n > 0; --n) {
    eight ? encode_q8_0(from, to) : encode_q4_0(from, to);
    from += block.elements;
    to += block.bytes;
  }
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  const std::uint32_t exponent = half >> 10 & 31, mantissa = half & 1023;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;  // biases of 15 and 127
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

std::uint16_t float_to_half(float value) {
  constexpr std::uint32_t kInfinity = 0x7F800000;
  constexpr std::uint32_t kTooLarge = 0x477FF000;        // 65520, half way to the next exponent
  constexpr std::uint32_t kSmallestNormal = 0x38800000;  // 2^-14
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  std::uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > kInfinity) return static_cast<std::uint16_t>(sign | 0x7E00);
  if (magnitude >= kTooLarge) return static_cast<std::uint16_t>(sign | 0x7C00);
  if (magnitude < kSmallestNormal) {
    // Between 0.5 and 1 floats lie 2^-24 apart, as do the smallest halves: the sum rounds for us.
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(sum) - 0x3F000000));
  }
  magnitude += 0xFFF + (magnitude >> 13 & 1);
  return static_cast<std::uint16_t>(sign | (magnitude - (std::uint32_t{112} << 23)) >> 13);
}

}  // namespace gptkit
