#include "base/quantization.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::Each;

/// Numbers that any language can make again.
class Numbers {
 public:
  std::uint64_t next() { return state_ = state_ * 6364136223846793005u + 1442695040888963407u; }

 private:
  std::uint64_t state_ = 1;
};

template <class T>
std::string digest(const std::vector<T>& values) {
  return sha256_hex({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

/// 256 blocks of the top bytes of the numbers; the float16s among them are made finite.
std::vector<std::byte> random_blocks(DType dtype, const std::vector<std::size_t>& high_bytes) {
  const DTypeBlock block = block_of(dtype);
  Numbers numbers;
  std::vector<std::byte> bytes(256 * block.bytes);
  for (auto& byte : bytes) byte = static_cast<std::byte>(numbers.next() >> 56);
  for (std::size_t at = 0; at < bytes.size(); at += block.bytes) {
    for (const std::size_t high : high_bytes) bytes[at + high] &= std::byte{0xBF};
  }
  return bytes;
}

/// 256 blocks of 32 values, in each 32 of them ever smaller; the sixth block is zeros.
std::vector<float> random_values() {
  Numbers numbers;
  std::vector<float> values(256 * 32);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto whole = static_cast<std::int64_t>(numbers.next() >> 40) - (std::int64_t{1} << 23);
    const int block = static_cast<int>(i / 32);
    values[i] = block == 5 ? 0 : std::ldexp(static_cast<float>(whole), -20 - block % 32);
  }
  return values;
}

struct Golden {
  DType dtype;
  std::vector<std::size_t> high_bytes;  // of the block's float16s
  const char* sha256;
};

// From gguf.quants.dequantize of the Python package gguf 0.19.
const std::vector<Golden> kDequantized = {
    {DType::kQ4_0, {1}, "2466e3995ccd5b70eb939cdf4a4802b642f3829141898c64dcc81697ee8b5fc0"},
    {DType::kQ4_1, {1, 3}, "e694e90a35865fe43e7656de88478258614ac18dc0a7cc21709aff32ee9e3915"},
    {DType::kQ5_0, {1}, "34e6ddec67b04d0267e79748af79797d31ed4fd206018a14bd82e8fe02d30b0b"},
    {DType::kQ5_1, {1, 3}, "d78dee5fcb9b7e1329cb461945b81e1305229589bb9a57bf017d37883ff265d5"},
    {DType::kQ8_0, {1}, "5d1b911c2d05a8831f7187461ac8a1d6b40f96e4ca400776b00dbd64b8b975f9"},
    {DType::kQ4_K, {1, 3}, "65680307b29fd6203d6e52483a4604fb03dcef5356e918a0dd911c9585d385e2"},
    {DType::kQ6_K, {209}, "5f693169fceda4753aa12b2ac0793e48d3034e286ca1ee85668c5809e3445e10"}};

TEST(Quantization, DequantizesBitForBitLikeGgml) {
  for (const auto& golden : kDequantized) {
    SCOPED_TRACE(name(golden.dtype));
    const auto blocks = random_blocks(golden.dtype, golden.high_bytes);
    std::vector<float> values(256 * block_of(golden.dtype).elements);
    dequantize(golden.dtype, blocks, values);
    EXPECT_EQ(digest(values), golden.sha256);
  }
}

TEST(Quantization, QuantizesBitForBitLikeGgml) {
  // From gguf.quants.quantize.
  const std::vector<Golden> quantized = {
      {DType::kQ8_0, {}, "adbeb8c74feb31d6d0edd4d9a0cde6d758a76cde98422cef04dd95f2f8b026a9"},
      {DType::kQ4_0, {}, "56457e2d8b66fc6d95a9a236f195edf7d4318e3ea11c167c81f6e7e1cd55e1c2"}};
  for (const auto& golden : quantized) {
    SCOPED_TRACE(name(golden.dtype));
    std::vector<std::byte> blocks(256 * block_of(golden.dtype).bytes);
    quantize(golden.dtype, random_values(), blocks);
    EXPECT_EQ(digest(blocks), golden.sha256);
  }
}

TEST(Quantization, PiecesOfATensorGiveWhatTheWholeGives) {
  for (const auto& golden : kDequantized) {
    const DTypeBlock block = block_of(golden.dtype);
    const auto blocks = random_blocks(golden.dtype, golden.high_bytes);
    std::vector<float> whole(256 * block.elements), pieces(whole.size());
    dequantize(golden.dtype, blocks, whole);
    for (std::size_t i = 0; i < 256; ++i) {
      dequantize(golden.dtype, std::span(blocks).subspan(i * block.bytes, block.bytes),
                 std::span(pieces).subspan(i * block.elements, block.elements));
    }
    EXPECT_EQ(pieces, whole) << name(golden.dtype);
  }
}

TEST(Quantization, NothingIsNothing) {
  for (const auto& golden : kDequantized) dequantize(golden.dtype, {}, {});
  quantize(DType::kQ8_0, {}, {});
}

TEST(Quantization, TheErrorIsAtMostHalfAStep) {
  const auto values = random_values();
  for (const auto& [dtype, steps] :
       {std::pair(DType::kQ8_0, 127.f), std::pair(DType::kQ4_0, 8.f)}) {
    std::vector<std::byte> blocks(256 * block_of(dtype).bytes);
    std::vector<float> back(values.size());
    quantize(dtype, values, blocks);
    dequantize(dtype, blocks, back);
    for (std::size_t block = 0; block < 256; ++block) {
      float largest = 0;
      for (std::size_t i = 0; i < 32; ++i) {
        largest = std::max(largest, std::fabs(values[32 * block + i]));
      }
      // q4_0 has -8 but no 8: the value opposite of the largest may lose a whole step. The scale
      // itself is rounded to a float16: 2^-11 of it, or 2^-25.
      const float step = largest / steps;
      const float allowed =
          step * (dtype == DType::kQ4_0 ? 1.f : 0.5f) + steps * std::max(step * 0x1p-11f, 0x1p-25f);
      for (std::size_t i = 0; i < 32; ++i) {
        EXPECT_LE(std::fabs(back[32 * block + i] - values[32 * block + i]), allowed);
      }
    }
  }
}

TEST(Quantization, ValuesTooSmallForAScaleBecomeZero) {
  for (const float tiny : {1e-8f, 1e-38f, 1e-40f, std::numeric_limits<float>::denorm_min()}) {
    std::vector<float> values(32, tiny), back(32, 1);
    values[7] = -tiny;
    for (const DType dtype : {DType::kQ8_0, DType::kQ4_0}) {
      std::vector<std::byte> blocks(block_of(dtype).bytes);
      quantize(dtype, values, blocks);
      dequantize(dtype, blocks, back);
      EXPECT_THAT(back, Each(0.f)) << tiny << " as " << name(dtype);
    }
  }
}

TEST(Quantization, ValuesWithoutAFiniteScaleAreRefused) {
  std::vector<float> values(64, 1);
  std::vector<std::byte> blocks(68);
  for (const float bad : {std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), 65504.f * 128}) {
    values[40] = bad;
    expect_error([&] { quantize(DType::kQ8_0, values, blocks); }, "value 40 of 64 is ");
  }
  values[40] = std::nanf("");
  expect_error([&] { quantize(DType::kQ8_0, values, blocks); },
               "value 40 of 64 is nan; q8_0 holds at most 8.31901e+06");
  values[40] = 65504.f * 127;
  quantize(DType::kQ8_0, values, blocks);
  blocks.resize(36);
  expect_error([&] { quantize(DType::kQ4_0, values, blocks); }, "q4_0 holds at most 524032");
}

TEST(Quantization, SizesAndTypesThatDoNotFitAreRefused) {
  std::vector<float> values(64);
  std::vector<std::byte> blocks(34);
  expect_error([&] { dequantize(DType::kQ8_0, blocks, values); },
               "34 bytes of q8_0 do not hold 64 values; 32 take 34 bytes");
  expect_error([&] { dequantize(DType::kQ8_0, std::span(blocks).first(33), {}); }, "33 bytes");
  expect_error([&] { quantize(DType::kQ8_0, values, blocks); }, "34 bytes of q8_0");
  expect_error([&] { quantize(DType::kQ8_0, std::span(values).first(31), {}); }, "31 values");
  expect_error([&] { dequantize(DType::kFloat16, {}, {}); }, "float16 is not a block format");
  expect_error([&] { quantize(DType::kQ4_K, {}, {}); }, "q4_k cannot be written");
}

/// The definition: sign, exponent and mantissa as powers of two.
double half_by_definition(std::uint32_t half) {
  const int exponent = static_cast<int>(half >> 10 & 31);
  const double mantissa = static_cast<double>(half & 1023);
  const double sign = half & 0x8000 ? -1 : 1;
  if (exponent == 31) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Quantization, EveryHalfHasItsValueAndComesBack) {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const double want = half_by_definition(half);
    const float got = half_to_float(static_cast<std::uint16_t>(half));
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got)) << half;
      EXPECT_EQ(float_to_half(got), 0x7E00 | (half & 0x8000)) << half;
    } else {
      EXPECT_EQ(got, want) << half;
      EXPECT_EQ(std::signbit(got), half >= 0x8000) << half;
      EXPECT_EQ(float_to_half(got), half);
    }
  }
}

TEST(Quantization, BetweenTwoHalvesTheNearerIsTakenAndOfTwoTheEvenOne) {
  for (std::uint16_t half = 0; half < 0x7BFF; ++half) {
    const float below = half_to_float(half), above = half_to_float(half + 1);
    const float middle = below + (above - below) / 2;  // exact: one bit more than a half
    const auto even = static_cast<std::uint16_t>(half + half % 2);
    EXPECT_EQ(float_to_half(middle), even);
    EXPECT_EQ(float_to_half(-middle), 0x8000 | even);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 0.f)), half);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 1e9f)), half + 1);
  }
}

TEST(Quantization, WhatIsTooLargeForAHalfIsInfinite) {
  EXPECT_EQ(float_to_half(std::nextafter(65520.f, 0.f)), 0x7BFF);
  EXPECT_EQ(float_to_half(65520), 0x7C00);
  EXPECT_EQ(float_to_half(-1e30f), 0xFC00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(float_to_half(-0.f), 0x8000);
}

}  // namespace
}  // namespace gptkit
