#include "kernels/quantized_matmul.h"

#include <ATen/ops/linear.h>

#include <memory>
#include <vector>

#include "base/quantization.h"
#include "kernels_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::error_of;
using test::expect_error;

/// Every format that has blocks.
constexpr DType kFormats[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                              DType::kQ8_0, DType::kQ4_K, DType::kQ6_K};

/// Random bits with scales near 1/64: the top byte of each float16 of a block is set.
QuantizedTensor random_matrix(DType dtype, int64_t rows, int64_t columns) {
  const auto block = block_of(dtype);
  const bool scale_last = dtype == DType::kQ6_K;
  const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ5_1 || dtype == DType::kQ4_K;
  const auto count = static_cast<size_t>(rows * columns) / block.elements * block.bytes;
  const auto bits = torch::randint(256, {static_cast<int64_t>(count)}, torch::kUInt8);
  const auto bytes = std::make_shared<std::vector<std::byte>>(count);
  std::memcpy(bytes->data(), bits.const_data_ptr<uint8_t>(), count);
  for (size_t at = 0; at < count; at += block.bytes) {
    const std::byte high{0x24};
    (*bytes)[scale_last ? at + block.bytes - 1 : at + 1] = high;
    if (two) (*bytes)[at + 3] = high;
  }
  return {dtype, rows, columns, *bytes, bytes};
}

TEST(QuantizedMatmul, EqualsTheProductWithTheDecodedMatrixInEveryFormat) {
  torch::manual_seed(1);
  for (const auto dtype : kFormats) {
    const auto weight = random_matrix(dtype, 150, 512);
    const auto dense = weight.dequantize().to(torch::kFloat64);
    for (const auto& shape : std::vector<std::vector<int64_t>>{{1, 512}, {2, 3, 512}, {512}}) {
      const auto x = torch::randn(shape);
      const auto want = at::linear(x.to(torch::kFloat64), dense);
      const auto y = quantized_matmul(x, weight);
      EXPECT_EQ(y.scalar_type(), torch::kFloat32);
      EXPECT_EQ(y.sizes(), want.sizes());
      EXPECT_LE(error_of(y, want), 1e-5) << name(dtype);
      const auto half = quantized_matmul(test::half(x), weight);
      EXPECT_EQ(half.scalar_type(), torch::kBFloat16);
      EXPECT_LE(error_of(half, at::linear(test::rounded(x), dense)), test::kHalfUnit);
    }
  }
}

TEST(QuantizedMatmul, TheInputGetsTheGradientOfTheDecodedMatrix) {
  torch::manual_seed(2);
  const auto weight = random_matrix(DType::kQ4_K, 130, 256);
  auto x = torch::randn({5, 256}).requires_grad_();
  const auto dy = torch::randn({5, 130});
  quantized_matmul(x, weight).backward(dy);
  EXPECT_LE(error_of(x.grad(), dy.mm(weight.dequantize())), 1e-5);
}

TEST(QuantizedMatmul, AutocastRoundsNothing) {
  torch::manual_seed(3);
  const auto weight = random_matrix(DType::kQ8_0, 64, 64);
  const auto x = torch::randn({4, 64});
  const auto want = quantized_matmul(x, weight);
  const test::Bfloat16Autocast on;
  EXPECT_TRUE(quantized_matmul(x, weight).equal(want));
}

TEST(QuantizedMatmul, RefusesAnInputOfAnotherWidth) {
  const auto weight = random_matrix(DType::kQ8_0, 64, 64);
  expect_error(
      [&] {
        quantized_matmul(torch::zeros({2, 32}), weight);
      },
      "does not fit a quantised weight of 64 x 64");
}

}  // namespace
}  // namespace gptkit
