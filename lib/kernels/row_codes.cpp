#include "kernels/row_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/quantization.h"

namespace gptkit {

namespace {

uint8_t byte_at(const std::byte* at, size_t index) { return static_cast<uint8_t>(at[index]); }

uint16_t half_at(const std::byte* at) {
  uint16_t half = 0;
  std::memcpy(&half, at, sizeof half);
  return half;
}

uint8_t low(uint8_t byte) { return byte & 15; }
uint8_t high(uint8_t byte) { return byte >> 4; }

void push_product(std::vector<uint16_t>& halves, float a, int b) {
  halves.push_back(float_to_half(a * static_cast<float>(b)));
}

/// Sixteen bytes: their low halves, then their high halves.
void push_nibbles(RowCodes& codes, const std::byte* bytes, size_t count = 16) {
  for (size_t j = 0; j < count; ++j) codes.u.push_back(low(byte_at(bytes, j)));
  for (size_t j = 0; j < count; ++j) codes.u.push_back(high(byte_at(bytes, j)));
}

/// The same with the fifth bit of each from 4 bytes, moved up by `offset`.
void push_five_bits(RowCodes& codes, const std::byte* high_bits, const std::byte* bytes,
                    int offset) {
  uint32_t bits = 0;
  std::memcpy(&bits, high_bits, sizeof bits);
  const size_t begin = codes.u.size();
  push_nibbles(codes, bytes);
  for (size_t j = 0; j < 32; ++j) {
    auto& u = codes.u[begin + j];
    u = static_cast<uint8_t>((u | (bits >> j & 1) << 4) + static_cast<unsigned>(offset));
  }
}

void decode_q4_k(const std::byte* block, RowCodes& codes) {
  const float d = half_to_float(half_at(block)), dmin = half_to_float(half_at(block + 2));
  const auto packed = [&](int i) { return byte_at(block, static_cast<size_t>(4 + i)); };
  for (int r = 0; r < 8; ++r) {
    const int scale = r < 4 ? packed(r) & 63 : low(packed(r + 4)) | (packed(r - 4) >> 6) << 4;
    const int minimum = r < 4 ? packed(r + 4) & 63 : high(packed(r + 4)) | (packed(r) >> 6) << 4;
    push_product(codes.scale, d, scale);
    push_product(codes.minimum, -dmin, minimum);
  }
  for (size_t pair = 0; pair < 4; ++pair) push_nibbles(codes, block + 16 + 32 * pair, 32);
}

void decode_q6_k(const std::byte* block, RowCodes& codes) {
  const float d = half_to_float(half_at(block + 208));
  for (size_t s = 0; s < 16; ++s) {
    push_product(codes.scale, d, static_cast<int8_t>(byte_at(block, 192 + s)));
  }
  for (size_t half = 0; half < 2; ++half) {
    const std::byte *lows = block + 64 * half, *highs = block + 128 + 32 * half;
    for (size_t run = 0; run < 4; ++run) {
      for (size_t j = 0; j < 32; ++j) {
        const auto both = byte_at(lows, j + run % 2 * 32);
        const int top = byte_at(highs, j) >> (2 * run) & 3;
        const int q = (run < 2 ? low(both) : high(both)) | top << 4;
        codes.u.push_back(static_cast<uint8_t>(q - 32 + 128));
      }
    }
  }
}

void decode_block(DType dtype, const std::byte* block, RowCodes& codes) {
  const bool minima = code_kind(dtype).minima;
  if (dtype == DType::kQ4_K) return decode_q4_k(block, codes);
  if (dtype == DType::kQ6_K) return decode_q6_k(block, codes);
  codes.scale.push_back(half_at(block));
  if (minima) codes.minimum.push_back(half_at(block + 2));
  const std::byte* rest = block + (minima ? 4 : 2);
  switch (dtype) {
    case DType::kQ8_0:
      for (size_t j = 0; j < 32; ++j) codes.u.push_back(byte_at(rest, j) ^ 0x80);
      return;
    case DType::kQ5_0:
      return push_five_bits(codes, rest, rest + 4, 128 - 16);
    case DType::kQ5_1:
      return push_five_bits(codes, rest, rest + 4, 0);
    default:
      return push_nibbles(codes, rest);
  }
}

float largest(std::span<const float> values) {
  float most = 0;
  for (const float value : values) most = std::max(most, std::fabs(value));
  return most;
}

float stored_half(float value) { return half_to_float(float_to_half(value)); }

float inverse_of(float d) {
  const float inverse = d == 0 ? 0 : 1 / d;
  return std::isfinite(inverse) ? inverse : 0;
}

/// To the nearest whole number, for |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
/// Unlike std::nearbyint it becomes vector code on every x86-64.
float nearest(float x) { return (x + 12582912.0F) - 12582912.0F; }

float squared_error(std::span<const float> values, float d) {
  const float inverse = inverse_of(d);
  float errors[8] = {};
  for (size_t i = 0; i < values.size(); ++i) {
    const float e = values[i] - nearest(values[i] * inverse) * d;
    errors[i % 8] += e * e;
  }
  float error = 0;
  for (const float e : errors) error += e;
  return error;
}

/// Of some scales the one that loses least. All are so large that no value is cut.
float scale_of_int8(std::span<const float> values) {
  const float most = largest(values);
  float best = stored_half(most / 127), least = std::numeric_limits<float>::infinity();
  for (const float steps : {127.0F, 125.5F, 124.0F, 122.5F}) {
    const float d = stored_half(most / steps);
    if (const float error = squared_error(values, d); error < least) {
      least = error;
      best = d;
    }
  }
  return best;
}

/// The value farthest from 0 becomes -8. A search for the scale with the least squared error cuts
/// large values and gives worse texts (doc/kernels.md).
float scale_of_int4(std::span<const float> values) {
  float farthest = 0;
  for (const float x : values) {
    if (std::fabs(x) > std::fabs(farthest)) farthest = x;
  }
  return stored_half(farthest / -8);
}

/// Nearest whole number of x / d within [least, most], as a code above `zero`.
uint8_t code_of(float x, float inverse, float least, float most, int zero) {
  const float q = std::min(std::max(nearest(x * inverse), least), most);
  return static_cast<uint8_t>(static_cast<int>(q) + zero);
}

template <class ScaleOf>
void quantize_groups(std::span<const float> row, RowCodes& codes, const ScaleOf& scale_of,
                     float least, float most, int zero) {
  for (size_t begin = 0; begin < row.size(); begin += kIntegerGroup) {
    const auto group = row.subspan(begin, std::min<size_t>(kIntegerGroup, row.size() - begin));
    const float d = scale_of(group), inverse = inverse_of(d);
    codes.scale.push_back(float_to_half(d));
    for (const float x : group) codes.u.push_back(code_of(x, inverse, least, most, zero));
  }
}

}  // namespace

bool RowCodes::finite() const {
  const auto good = [](uint16_t half) { return (half & 0x7C00) != 0x7C00; };
  return std::all_of(scale.begin(), scale.end(), good) &&
         std::all_of(minimum.begin(), minimum.end(), good);
}

CodeKind code_kind(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return {true, 32, false};
    case DType::kQ4_1:
    case DType::kQ4_K:
      return {true, 32, true};
    case DType::kQ5_1:
      return {false, 32, true};
    case DType::kQ6_K:
      return {false, 16, false};
    case DType::kQ5_0:
    case DType::kQ8_0:
      return {false, 32, false};
    default:
      fail(name(dtype), " is not a block format");
  }
}

void decode_codes(DType dtype, std::span<const std::byte> blocks, RowCodes& codes) {
  codes = {};
  const auto block = block_of(dtype);
  codes.u.reserve(blocks.size() / block.bytes * block.elements);
  for (size_t at = 0; at + block.bytes <= blocks.size(); at += block.bytes) {
    decode_block(dtype, blocks.data() + at, codes);
  }
}

void quantize_int8(std::span<const float> row, RowCodes& codes) {
  codes = {};
  quantize_groups(row, codes, scale_of_int8, -127, 127, 128);
}

void quantize_int4(std::span<const float> row, RowCodes& codes) {
  codes = {};
  quantize_groups(row, codes, scale_of_int4, -8, 7, 8);
}

}  // namespace gptkit
