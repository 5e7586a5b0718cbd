#include "nn/packed_linear.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.h"
#include "support/support.h"

namespace gptkit {
namespace {

/// What `count` rows of x (N,I) give, (N,O), when `members` threads take their shares in turn.
torch::Tensor multiply(const PackedLinear& linear, const torch::Tensor& x, int members = 1,
                       bool add = false) {
  const auto& run = *kernels().decoding;
  const int64_t N = x.size(0);
  StepRows in(N, x.size(1)), out(N, linear.rows());
  for (int64_t n = 0; n < N; ++n) {
    std::copy_n(x[n].contiguous().const_data_ptr<float>(), x.size(1), in.x(n));
    std::fill_n(out.x(n), linear.rows(), add ? 1.0F : std::nanf(""));
  }
  if (linear.quantized()) in.quantize(run, {0, N});
  for (int i = 0; i < members; ++i) linear.multiply(run, in, out, N, add, i, members);
  const auto y = torch::empty({N, linear.rows()});
  for (int64_t n = 0; n < N; ++n) {
    std::copy_n(out.x(n), linear.rows(), y.data_ptr<float>() + n * linear.rows());
  }
  return y;
}

double error_of(const torch::Tensor& got, const torch::Tensor& want) {
  return ((got - want).abs().max() / want.abs().max()).item<double>();
}

torch::Tensor randn(int64_t rows, int64_t columns) { return torch::randn({rows, columns}); }

/// Rows of parts: whole panels, and such as share a panel.
const std::vector<std::vector<int64_t>> kParts = {{1},     {37},      {32, 16, 16}, {16, 5},
                                                  {8, 24}, {3, 3, 3}, {17, 16}};

TEST(PackedLinear, PartsAreTheRowsOfOneLayer) {
  torch::manual_seed(1);
  for (const auto& rows : kParts) {
    LayerTensors tensors;
    std::vector<torch::Tensor> all;
    for (const auto n : rows) {
      all.push_back(randn(n, 40));
      tensors.weight.emplace_back(all.back());
    }
    const auto weight = at::cat(all);
    tensors.bias = torch::randn({weight.size(0)});
    const PackedLinear linear(tensors, WeightFormat::kStored);
    ASSERT_EQ(linear.rows(), weight.size(0));
    ASSERT_EQ(linear.columns(), 40);
    const auto x = randn(5, 40), want = at::linear(x, weight, tensors.bias);
    EXPECT_LE(error_of(multiply(linear, x), want), 1e-5);
    EXPECT_LE(error_of(multiply(linear, x, 1, /*add=*/true), want + 1), 1e-5);
    for (int64_t i = 0; i < linear.rows(); ++i) {
      const auto row = torch::empty({40});
      linear.row(i, row.data_ptr<float>());
      EXPECT_TRUE(torch::equal(row, weight[i]));
    }
  }
}

TEST(PackedLinear, AnyNumberOfMembersGivesTheSame) {
  torch::manual_seed(2);
  const LayerTensors tensors{{randn(64, 64), randn(16, 64), randn(21, 64)}, torch::randn({101})};
  for (const auto format : {WeightFormat::kFloat32, WeightFormat::kInt8, WeightFormat::kInt4}) {
    const PackedLinear linear(tensors, format);
    const auto x = randn(3, 64), want = multiply(linear, x);
    for (const int members : {2, 3, 50}) {
      EXPECT_TRUE(torch::equal(multiply(linear, x, members), want)) << members;
    }
  }
}

TEST(PackedLinear, PartsInBlocksStandBesidePartsInFloatingPoint) {
  torch::manual_seed(3);
  const auto blocks = quantize(DType::kQ8_0, randn(16, 64));
  const auto floats = randn(16, 64);
  const PackedLinear linear({{blocks, floats}, {}}, WeightFormat::kStored);
  EXPECT_TRUE(linear.quantized());
  EXPECT_EQ(linear.format(), "q8_0");
  EXPECT_EQ(linear.bytes(), 16 * 64 * 34 / 32 + 16 * 64 * 4);
  const auto x = randn(4, 64), want = at::linear(x, at::cat({blocks.dequantize(), floats}));
  const auto got = multiply(linear, x);
  EXPECT_LE(error_of(got.slice(1, 0, 16), want.slice(1, 0, 16)), 2e-2) << "rounded inputs";
  EXPECT_LE(error_of(got.slice(1, 16), want.slice(1, 16)), 1e-5) << "inputs as they are";
}

TEST(PackedLinear, BlocksWhosePanelsWouldOverlapAreDecoded) {
  torch::manual_seed(4);
  const auto a = quantize(DType::kQ8_0, randn(8, 64)), b = quantize(DType::kQ8_0, randn(8, 64));
  const PackedLinear linear({{a, b}, {}}, WeightFormat::kStored);
  EXPECT_EQ(linear.format(), "float32");
  const auto x = randn(2, 64);
  EXPECT_LE(error_of(multiply(linear, x), at::linear(x, at::cat({a.dequantize(), b.dequantize()}))),
            1e-5);
}

TEST(PackedLinear, AFormatThatIsAskedForReplacesBlocks) {
  const auto blocks = quantize(DType::kQ8_0, randn(16, 64));
  EXPECT_EQ(PackedLinear({{blocks}, {}}, WeightFormat::kInt4).format(), "int4");
  EXPECT_EQ(PackedLinear({{blocks}, {}}, WeightFormat::kBFloat16).format(), "bfloat16");
}

TEST(StepRows, QuantisesTheColumnsOfARangeAndNoOthers) {
  StepRows rows(2, 100);
  EXPECT_EQ(rows.stride(), 128);
  for (int64_t n = 0; n < 2; ++n) std::fill_n(rows.x(n), 100, 1.0F);
  rows.quantize(*kernels().decoding, {1, 2}, {32, 100});
  const auto in = rows.inputs(2);
  const auto q = [&](int64_t row, int64_t column) { return in.q[row * in.stride + column]; };
  EXPECT_EQ(q(0, 40), 0);
  EXPECT_EQ(q(1, 31), 0);
  EXPECT_EQ(q(1, 32), 127);
  EXPECT_EQ(q(1, 99), 127);
  EXPECT_EQ(q(1, 100), 0) << "padding";
  rows.quantize(*kernels().decoding, {0, 0});
  EXPECT_EQ(q(0, 0), 0) << "no rows";
}

}  // namespace
}  // namespace gptkit
