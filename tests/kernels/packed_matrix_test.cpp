// Weights in panels: the values of their source, in every format.

#include "kernels/packed_matrix.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/quantization.h"
#include "decoding_support.h"
#include "kernels/row_codes.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::decoded;
using test::expect_error;
using test::kBlockFormats;
using test::random_blocks;

TEST(PackedMatrix, KeepsFloatingPointAsItIs) {
  torch::manual_seed(1);
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    for (const int64_t rows : {1, 16, 37}) {
      const auto matrix = torch::randn({rows, 45}).to(type);
      const auto packed = PackedMatrix::from(matrix, WeightFormat::kStored);
      EXPECT_TRUE(torch::equal(decoded(packed), matrix.to(torch::kFloat64)));
      EXPECT_EQ(packed.bytes(), packed.panels().count() * 16 * 64 * matrix.element_size());
    }
  }
}

TEST(PackedMatrix, ReadsAMatrixThatIsNotContiguous) {
  torch::manual_seed(2);
  const auto matrix = torch::randn({33, 20}).t();
  EXPECT_TRUE(torch::equal(decoded(PackedMatrix::from(matrix, WeightFormat::kFloat32)),
                           matrix.to(torch::kFloat64)));
}

TEST(PackedMatrix, RoundsToBfloat16AsLibTorchDoes) {
  torch::manual_seed(3);
  const auto matrix = torch::randn({20, 33});
  const auto packed = PackedMatrix::from(matrix, WeightFormat::kBFloat16);
  EXPECT_EQ(packed.format(), "bfloat16");
  EXPECT_TRUE(torch::equal(decoded(packed), matrix.to(torch::kBFloat16).to(torch::kFloat64)));
}

TEST(PackedMatrix, DecodesEveryBlockFormatAsGgmlDoes) {
  torch::manual_seed(4);
  for (const auto dtype : kBlockFormats) {
    const auto blocks = random_blocks(dtype, 37, 512);
    const auto packed = PackedMatrix::from(blocks);
    EXPECT_EQ(packed.format(), name(dtype));
    const auto want = blocks.dequantize().to(torch::kFloat64);
    // Scales of q4_k and q6_k are products, here rounded to float16: half a unit of 11 bits each.
    const bool products = dtype == DType::kQ4_K || dtype == DType::kQ6_K;
    const double most = want.abs().max().item<double>();
    EXPECT_LE((decoded(packed) - want).abs().max().item<double>(),
              most * (products ? 2 * 0x1p-11 : 1e-7))
        << name(dtype);
  }
}

TEST(PackedMatrix, Int8LosesAtMostHalfAStepOfItsGroup) {
  torch::manual_seed(5);
  const auto matrix = torch::randn({37, 192});
  const auto packed = PackedMatrix::from(matrix, WeightFormat::kInt8);
  EXPECT_EQ(packed.format(), "int8");
  const auto error = (decoded(packed) - matrix).abs().view({37, 3, 64}).amax(-1);
  const auto step = matrix.abs().view({37, 3, 64}).amax(-1) / 127;
  // The step is rounded to float16, which moves 127 steps by up to 127 / 2^11 of one.
  EXPECT_TRUE((error <= step * (0.5 + 127 * 0x1p-11 + 1e-3)).all().item<bool>());
}

TEST(PackedMatrix, Int4LosesWhatTheScaleOfTheFarthestValueDoes) {
  torch::manual_seed(6);
  const auto matrix = torch::randn({37, 192});
  const auto packed = PackedMatrix::from(matrix, WeightFormat::kInt4);
  EXPECT_EQ(packed.format(), "int4");
  const auto groups = matrix.view({-1, 64});
  const auto most = std::get<0>(groups.max(-1, true)), least = std::get<0>(groups.min(-1, true));
  const auto farthest = torch::where(most > -least, most, least);
  const auto scale = (farthest / -8).to(torch::kFloat16).to(torch::kFloat32);
  const auto plain = (groups / scale).round().clamp(-8, 7) * scale;
  const auto squared = [](const torch::Tensor& x) { return x.pow(2).sum(-1); };
  const auto error = squared(decoded(packed).view({-1, 64}) - groups);
  const auto plain_error = squared(plain - groups).to(torch::kFloat64);
  EXPECT_TRUE(torch::allclose(error, plain_error, 1e-3, 1e-6));
}

TEST(PackedMatrix, MultiplesOfAScaleSurviveInt8AndInt4) {
  const auto whole = torch::arange(64).remainder(16) - 8;  // -8 ... 7
  const auto nibbles = (whole * 0.25).repeat({3, 1});
  EXPECT_TRUE(torch::equal(decoded(PackedMatrix::from(nibbles, WeightFormat::kInt4)),
                           nibbles.to(torch::kFloat64)));
  const auto bytes = ((torch::arange(64) * 4 - 125).clamp(-127, 127) * 0.5).repeat({3, 1});
  auto with_largest = bytes.clone();
  with_largest.select(1, 0).fill_(63.5);
  EXPECT_TRUE(torch::equal(decoded(PackedMatrix::from(with_largest, WeightFormat::kInt8)),
                           with_largest.to(torch::kFloat64)));
}

TEST(PackedMatrix, ZerosStayZeros) {
  for (const auto format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
    const auto packed = PackedMatrix::from(torch::zeros({5, 64}), format);
    EXPECT_EQ(decoded(packed).abs().max().item<double>(), 0);
  }
}

TEST(PackedMatrix, RowsThatAreNoWholeGroupsStayInBfloat16) {
  for (const auto format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
    EXPECT_EQ(PackedMatrix::from(torch::ones({5, 96}), format).format(), "bfloat16");
  }
}

TEST(PackedMatrix, FewerBitsTakeFewerBytes) {
  const auto matrix = torch::randn({64, 256});
  const auto bits = [&](WeightFormat format) {
    return 8.0 * static_cast<double>(PackedMatrix::from(matrix, format).bytes()) / (64 * 256);
  };
  EXPECT_EQ(bits(WeightFormat::kFloat32), 32);
  EXPECT_EQ(bits(WeightFormat::kBFloat16), 16);
  EXPECT_EQ(bits(WeightFormat::kInt8), 8.25);
  EXPECT_EQ(bits(WeightFormat::kInt4), 4.25);
}

TEST(PackedMatrix, ACopySharesTheMemoryAndOutlivesTheFirst) {
  const auto matrix = torch::randn({17, 32});
  PackedMatrix copy;
  EXPECT_TRUE(copy.empty());
  {
    const auto packed = PackedMatrix::from(matrix, WeightFormat::kFloat32);
    copy = packed;
    EXPECT_EQ(copy.panels().data, packed.panels().data);
  }
  EXPECT_TRUE(torch::equal(decoded(copy), matrix.to(torch::kFloat64)));
}

TEST(PackedMatrix, RefusesValuesThatAreNotFiniteAndNamesTheTensor) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
      auto matrix = torch::ones({18, 64});
      matrix[17][63] = bad;
      for (const auto format :
           {WeightFormat::kStored, WeightFormat::kFloat32, WeightFormat::kBFloat16,
            WeightFormat::kInt8, WeightFormat::kInt4}) {
        expect_error([&] { PackedMatrix::from(matrix.to(type), format, "m: tensor 'a'"); },
                     "m: tensor 'a' holds NaN or infinity");
      }
    }
  }
}

TEST(PackedMatrix, RefusesValuesWithoutAScale) {
  const auto matrix = torch::full({1, 64}, 3e38F);
  for (const auto format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
    expect_error([&] { PackedMatrix::from(matrix, format, "m"); },
                 "m holds values too large for int8 and int4");
  }
}

/// One row of blocks whose float16 at byte `at` of each block is this.
QuantizedTensor with_half(DType dtype, size_t at, uint16_t half) {
  const auto block = block_of(dtype);
  const auto columns = static_cast<int64_t>(block.elements);
  auto good = random_blocks(dtype, 1, columns);
  const auto bytes =
      std::make_shared<std::vector<std::byte>>(good.bytes().begin(), good.bytes().end());
  std::memcpy(bytes->data() + at, &half, sizeof half);
  return {dtype, 1, columns, *bytes, bytes};
}

TEST(PackedMatrix, RefusesHostileScalesOfBlocks) {
  for (const auto dtype : kBlockFormats) {
    const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ5_1 || dtype == DType::kQ4_K;
    std::vector<size_t> places = {dtype == DType::kQ6_K ? size_t{208} : 0};
    if (two) places.push_back(2);
    for (const auto at : places) {
      for (const uint16_t half :
           std::vector<uint16_t>{0x7C00, 0xFC00, 0x7E00}) {  // infinities, NaN
        expect_error([&] { PackedMatrix::from(with_half(dtype, at, half), "w"); },
                     "w holds NaN or infinity");
      }
    }
  }
}

TEST(PackedMatrix, RefusesWhatIsNoMatrix) {
  expect_error([] { PackedMatrix::from(torch::ones({4}), WeightFormat::kStored); },
               "only matrices on the CPU are packed");
}

TEST(RowCodes, SayWhatTheirCodesMean) {
  // One block of q5_1 by hand: d = 2, m = -1, q = 31 at element 0, 17 at 16, 0 elsewhere.
  std::vector<std::byte> block(24);
  const uint16_t d = float_to_half(2), m = float_to_half(-1);
  std::memcpy(block.data(), &d, 2);
  std::memcpy(block.data() + 2, &m, 2);
  block[4] = std::byte{1};     // the fifth bit of element 0
  block[6] = std::byte{1};     // and of element 16
  block[8] = std::byte{0x1F};  // 15 and, in the high half, 1
  RowCodes codes;
  decode_codes(DType::kQ5_1, block, codes);
  ASSERT_EQ(codes.u.size(), 32U);
  EXPECT_EQ(codes.u[0], 31);
  EXPECT_EQ(codes.u[16], 17);
  EXPECT_EQ(std::count(codes.u.begin(), codes.u.end(), 0), 30);
  EXPECT_THAT(codes.scale, testing::ElementsAre(d));
  EXPECT_THAT(codes.minimum, testing::ElementsAre(m));
  EXPECT_TRUE(codes.finite());
  codes.minimum[0] = 0x7C00;
  EXPECT_FALSE(codes.finite());
}

TEST(RowCodes, OnlyBlockFormatsHaveThem) {
  expect_error([] { code_kind(DType::kFloat16); }, "float16 is not a block format");
}

}  // namespace
}  // namespace gptkit
