#include "kernels/quantized_matmul.h"

#include <ATen/ops/linear.h>

#include <vector>

#include "decoding_support.h"
#include "kernels_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::error_of;
using test::expect_error;
using test::random_blocks;

TEST(QuantizedMatmul, EqualsTheProductWithTheDecodedMatrixInEveryFormat) {
  torch::manual_seed(1);
  for (const auto dtype : test::kBlockFormats) {
    const auto weight = random_blocks(dtype, 150, 512);
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
  const auto weight = random_blocks(DType::kQ4_K, 130, 256);
  auto x = torch::randn({5, 256}).requires_grad_();
  const auto dy = torch::randn({5, 130});
  quantized_matmul(x, weight).backward(dy);
  EXPECT_LE(error_of(x.grad(), dy.mm(weight.dequantize())), 1e-5);
}

TEST(QuantizedMatmul, AutocastRoundsNothing) {
  torch::manual_seed(3);
  const auto weight = random_blocks(DType::kQ8_0, 64, 64);
  const auto x = torch::randn({4, 64});
  const auto want = quantized_matmul(x, weight);
  const test::Bfloat16Autocast on;
  EXPECT_TRUE(quantized_matmul(x, weight).equal(want));
}

TEST(QuantizedMatmul, RefusesAnInputOfAnotherWidth) {
  const auto weight = random_blocks(DType::kQ8_0, 64, 64);
  expect_error(
      [&] {
        quantized_matmul(torch::zeros({2, 32}), weight);
      },
      "does not fit a quantised weight of 64 x 64");
}

}  // namespace
}  // namespace gptkit
