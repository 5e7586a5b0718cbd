// The matrix multiplication of decoding, for every kind of panel at every level.

#include <ATen/ops/linear.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "decoding_support.h"
#include "kernels_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::decoded;
using test::error_of;
using test::Inputs;
using test::packed_matrices;

constexpr int64_t kMostInputs = 20;

class DecodingMatmul : public test::LevelTest {};
GPTKIT_EACH_LEVEL(DecodingMatmul);

/// y (count, rows rounded up), which `out` holds beforehand.
torch::Tensor multiply(const PackedMatrix& matrix, const InputRows& x, const torch::Tensor& out,
                       bool add = false, const float* bias = nullptr) {
  const auto y = out.clone();
  const auto& w = matrix.panels();
  kernels().decoding->matmul(w, x, {y.data_ptr<float>(), y.size(1), bias, add}, 0, w.count());
  return y;
}

torch::Tensor no_output(const PackedMatrix& matrix, int64_t count) {
  return torch::full({count, matrix.panels().count() * kLanes}, std::nanf(""));
}

TEST_P(DecodingMatmul, EqualsTheMathematicsOfTheDecodedWeights) {
  for (const int64_t rows : {1, 37, 150}) {
    for (const auto& [format, matrix] : packed_matrices(rows)) {
      const Inputs inputs(torch::randn({kMostInputs, matrix.columns()}));
      const auto want = at::linear(inputs.values(matrix.panels()), decoded(matrix));  // (N,O)
      for (const int64_t count : {int64_t{1}, int64_t{7}, kMostInputs}) {
        const auto y = multiply(matrix, inputs.rows(0, count), no_output(matrix, count));
        EXPECT_LE(error_of(y.slice(1, 0, rows), want.slice(0, 0, count)), 2e-5)
            << format << " of " << rows << " rows, " << count << " inputs";
      }
    }
  }
}

TEST_P(DecodingMatmul, AnInputsResultDoesNotDependOnTheOthers) {
  for (const auto& [format, matrix] : packed_matrices(150)) {
    const Inputs inputs(torch::randn({kMostInputs, matrix.columns()}));
    std::vector<torch::Tensor> alone;
    for (int64_t n = 0; n < kMostInputs; ++n) {
      alone.push_back(multiply(matrix, inputs.rows(n, 1), no_output(matrix, 1)));
    }
    const auto want = torch::cat(alone);
    for (int64_t count = 2; count <= kMostInputs; ++count) {
      const auto y = multiply(matrix, inputs.rows(0, count), no_output(matrix, count));
      EXPECT_TRUE(torch::equal(y, want.slice(0, 0, count))) << format << ", " << count;
    }
  }
}

TEST_P(DecodingMatmul, APartWritesItsOwnPanelsAndNoOthers) {
  for (const auto& [format, matrix] : packed_matrices(150)) {
    const Inputs inputs(torch::randn({9, matrix.columns()}));
    const auto whole = multiply(matrix, inputs.rows(0, 9), no_output(matrix, 9));
    const auto& w = matrix.panels();
    for (const auto& [first, last] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 0}, {0, 1}, {1, 4}, {3, w.count()}, {9, 10}}) {
      const auto y = no_output(matrix, 9);
      kernels().decoding->matmul(w, inputs.rows(0, 9), {y.data_ptr<float>(), y.size(1)}, first,
                                 last);
      const auto own = y.slice(1, first * kLanes, last * kLanes);
      EXPECT_TRUE(torch::equal(own, whole.slice(1, first * kLanes, last * kLanes))) << format;
      EXPECT_EQ(y.isnan().sum().item<int64_t>(), y.numel() - own.numel()) << format;
    }
  }
}

TEST_P(DecodingMatmul, AddsTheBiasAndWhatIsThere) {
  for (const auto& [format, matrix] : packed_matrices(37)) {
    const Inputs inputs(torch::randn({5, matrix.columns()}));
    const auto plain = multiply(matrix, inputs.rows(0, 5), no_output(matrix, 5));
    const auto bias = torch::randn({37});  // no element behind the last row
    const auto there = torch::randn_like(plain);
    const auto* b = bias.const_data_ptr<float>();
    const auto with_bias = multiply(matrix, inputs.rows(0, 5), no_output(matrix, 5), false, b);
    const auto added = multiply(matrix, inputs.rows(0, 5), there, true, b);
    const auto real = [](const torch::Tensor& y) { return y.slice(1, 0, 37); };
    EXPECT_TRUE(torch::equal(real(with_bias), real(plain) + bias)) << format;
    EXPECT_TRUE(torch::equal(real(added), real(plain) + bias + real(there))) << format;
  }
}

TEST_P(DecodingMatmul, CutsManyInputsWithoutAChange) {
  const auto matrix = PackedMatrix::from(torch::randn({17, 33}), WeightFormat::kFloat32);
  const Inputs inputs(torch::randn({260, 33}));  // more than are multiplied at once
  const auto y = multiply(matrix, inputs.rows(0, 260), no_output(matrix, 260));
  EXPECT_LE(error_of(y.slice(1, 0, 17), at::linear(inputs.values(false), decoded(matrix))), 2e-5);
  const auto last = multiply(matrix, inputs.rows(259, 1), no_output(matrix, 1));
  EXPECT_TRUE(torch::equal(y.slice(0, 259), last));
}

TEST_P(DecodingMatmul, LargestCodesDoNotOverflow) {
  // Bytes of 255 times inputs of 127, four to a lane: beyond 16 bits.
  for (const float sign : {1.0F, -1.0F}) {
    const auto matrix = PackedMatrix::from(torch::full({16, 64}, sign), WeightFormat::kInt8);
    for (const float x : {1.0F, -1.0F}) {
      const Inputs inputs(torch::full({1, 64}, x));
      const auto y = multiply(matrix, inputs.rows(0, 1), no_output(matrix, 1));
      EXPECT_LE((y - 64 * sign * x).abs().max().item<float>(), 64 * 1e-3F);
    }
  }
}

}  // namespace
}  // namespace gptkit
