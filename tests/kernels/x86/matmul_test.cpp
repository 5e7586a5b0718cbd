#include "kernels/x86/matmul.h"

#include <ATen/ops/gelu.h>

#include <array>
#include <vector>

#include "kernels/kernels_support.h"

namespace gptkit::x86 {
namespace {

using test::error_of;
using test::half;
using test::kHalfUnit;
using test::rounded;

class Bfloat16Gemm : public test::Bfloat16Test {
 protected:
  struct Shape {
    int64_t N, I, O;
  };
  /// Rows and columns that fill panels and tiles, and that do not.
  static constexpr std::array kShapes = {Shape{1, 32, 32}, Shape{64, 64, 64}, Shape{7, 96, 160},
                                         Shape{130, 384, 96}, Shape{300, 32, 1056}};
};

TEST_F(Bfloat16Gemm, ForwardsEqualTheExactProductsOfTheRoundedNumbers) {
  for (const auto& [N, I, O] : kShapes) {
    SCOPED_TRACE(testing::Message() << N << " x " << I << " -> " << O);
    const auto x = half(torch::randn({N, I})), w = torch::randn({O, I}), b = torch::randn({O});
    const auto want = rounded(x).matmul(rounded(w).t()) + b;
    EXPECT_LE(error_of(linear_bfloat16(x, w, b), want), kHalfUnit);
    EXPECT_LE(error_of(linear_bfloat16(x, w, {}), want - b), kHalfUnit);

    const auto residual = torch::randn({N, O});
    EXPECT_LE(error_of(linear_residual_bfloat16(x, w, b, residual), want + residual), 1e-6);

    const auto [before, after] = linear_gelu_bfloat16(x, w, b, /*keep_before=*/true);
    EXPECT_TRUE(linear_gelu_bfloat16(x, w, b, /*keep_before=*/false).after.equal(after));
    EXPECT_LE(error_of(before, want), kHalfUnit);
    EXPECT_LE(error_of(after, at::gelu(before.to(torch::kFloat64), "tanh")), kHalfUnit);
  }
}

TEST_F(Bfloat16Gemm, BackwardsEqualTheExactProductsOfTheRoundedNumbers) {
  for (const auto& [N, I, O] : kShapes) {
    SCOPED_TRACE(testing::Message() << N << " x " << I << " -> " << O);
    const auto dy = half(torch::randn({N, O})), w = torch::randn({O, I});
    const auto want = rounded(dy).matmul(rounded(w));
    EXPECT_LE(error_of(linear_backward_bfloat16(dy, w), want), kHalfUnit);

    const auto u = half(torch::randn({N, I}) * 2);
    auto exact = u.to(torch::kFloat64).requires_grad_();
    const auto g = at::gelu(exact, "tanh");
    g.backward(want);
    const auto [du, after] = linear_gelu_backward_bfloat16(dy, w, u);
    EXPECT_LE(error_of(du, exact.grad()), kHalfUnit);
    EXPECT_LE(error_of(after, g), kHalfUnit);
  }
}

TEST_F(Bfloat16Gemm, WeightGradientsAreWrittenOnceThenAdded) {
  for (const auto& [N, I, O] : kShapes) {
    SCOPED_TRACE(testing::Message() << N << " x " << I << " -> " << O);
    const auto dy = half(torch::randn({N, O})), x = half(torch::randn({N, I}));
    auto weight = torch::randn({O, I}).requires_grad_(), bias = torch::randn({O}).requires_grad_();
    const auto dw = rounded(dy).t().matmul(rounded(x)), db = rounded(dy).sum(0);
    for (const int times : {1, 2, 3}) {
      Gradient weight_gradient(weight, true), bias_gradient(bias, true);
      add_weight_gradient_bfloat16(dy, x, weight_gradient, bias_gradient);
      EXPECT_FALSE(weight_gradient.result().defined()) << "it is in .grad already";
      EXPECT_LE(error_of(weight.grad(), dw * times), 1e-5);
      EXPECT_LE(error_of(bias.grad(), db * times), 1e-5);
    }
  }
}

TEST_F(Bfloat16Gemm, GradientsThatAreNotWantedAreLeftAlone) {
  const auto dy = half(torch::randn({5, 32})), x = half(torch::randn({5, 64}));
  auto weight = torch::randn({32, 64}).requires_grad_(), bias = torch::randn({32}).requires_grad_();
  Gradient no_weight(weight, false), only_bias(bias, true);
  add_weight_gradient_bfloat16(dy, x, no_weight, only_bias);
  EXPECT_FALSE(weight.grad().defined());
  EXPECT_LE(error_of(bias.grad(), rounded(dy).sum(0)), 1e-6);
}

TEST_F(Bfloat16Gemm, AWeightThatIsNoLeafGetsItsGradientReturned) {
  const auto dy = half(torch::randn({5, 32})), x = half(torch::randn({5, 64}));
  const auto merged = torch::randn({32, 64}).requires_grad_() * 1.0;
  Gradient weight(merged, true), no_bias(torch::Tensor(), true);
  add_weight_gradient_bfloat16(dy, x, weight, no_bias);
  EXPECT_LE(error_of(weight.result(), rounded(dy).t().matmul(rounded(x))), 1e-5);
}

TEST_F(Bfloat16Gemm, NotANumberAndInfinityComeThrough) {
  auto x = torch::ones({2, 32}), w = torch::ones({32, 32});
  x[0][3] = std::numeric_limits<float>::quiet_NaN();
  w[5][1] = std::numeric_limits<float>::infinity();
  const auto y =
      linear_gelu_bfloat16(half(x), w, {}, /*keep_before=*/false).after.to(torch::kFloat32);
  EXPECT_TRUE(y[0].isnan().all().item<bool>());
  EXPECT_TRUE(std::isinf(y[1][5].item<float>()));
  EXPECT_EQ(y[1][4].item<float>(), 32.0F);
}

}  // namespace
}  // namespace gptkit::x86
