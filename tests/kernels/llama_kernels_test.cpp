// What stands between a Llama's products: norm, rotary positions and gate, against LibTorch's own
// operations in float64.

#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>

#include <vector>

#include "kernels/rms_norm.h"
#include "kernels/rotary.h"
#include "kernels/swiglu.h"
#include "kernels_support.h"
#include "nn/positions.h"

namespace gptkit {
namespace {

using test::error_of;
using test::kHalfUnit;

using RmsNorm = test::Bfloat16Test;
using Swiglu = test::Bfloat16Test;
using RotateHeads = test::Bfloat16Test;

torch::Tensor in_float64(const torch::Tensor& x) {
  return x.detach().to(torch::kFloat64).requires_grad_();
}

TEST_F(RmsNorm, ForwardAndBackwardEqualTorchs) {
  for (const auto& shape : std::vector<std::vector<int64_t>>{{1, 16}, {3, 7, 48}, {130, 576}}) {
    auto x = (torch::randn(shape) * 3).requires_grad_();
    auto weight = torch::randn({shape.back()}).requires_grad_();
    ASSERT_TRUE(fits_rms_norm_bfloat16(x, weight));
    const auto exact = in_float64(x), exact_weight = in_float64(weight);
    const auto want = at::rms_norm(exact, {shape.back()}, exact_weight, 1e-5);
    const auto dy = test::half(torch::randn(shape));
    want.backward(dy.to(torch::kFloat64));
    for (const int times : {1, 2}) {
      const auto got = rms_norm_bfloat16(x, weight, 1e-5);
      EXPECT_EQ(got.scalar_type(), torch::kBFloat16);
      EXPECT_LE(error_of(got, want), kHalfUnit);
      got.backward(dy);
      EXPECT_LE(error_of(x.grad(), exact.grad() * times), 1e-5);
      EXPECT_LE(error_of(weight.grad(), exact_weight.grad() * times), 1e-5);
    }
  }
}

TEST_F(RmsNorm, AFrozenWeightGetsNoGradient) {
  auto x = torch::randn({4, 32}).requires_grad_();
  const auto weight = torch::ones({32});
  rms_norm_bfloat16(x, weight, 1e-5).sum().backward();
  EXPECT_FALSE(weight.grad().defined());
  EXPECT_TRUE(x.grad().defined());
}

TEST_F(RmsNorm, TakesOnlyWhatItCan) {
  EXPECT_FALSE(fits_rms_norm_bfloat16(torch::randn({2, 20}), torch::ones({20})));
  EXPECT_FALSE(fits_rms_norm_bfloat16(torch::randn({2, 32}).to(torch::kBFloat16), torch::ones(32)));
  EXPECT_FALSE(fits_rms_norm_bfloat16(torch::randn({0, 32}), torch::ones(32)));
}

TEST_F(Swiglu, ForwardAndBackwardEqualTorchs) {
  for (const auto& shape :
       std::vector<std::vector<int64_t>>{{1, 32}, {2, 9, 96}, {70, 3072}, {3, 22}}) {
    auto x = test::half(torch::randn(shape) * 4).requires_grad_();
    ASSERT_TRUE(fits_swiglu_bfloat16(x));
    const auto exact = in_float64(x);
    const auto parts = exact.chunk(2, -1);
    const auto want = at::silu(parts[0]) * parts[1];
    const auto got = swiglu_bfloat16(x);
    EXPECT_LE(error_of(got, want), kHalfUnit);
    const auto dy = test::half(torch::randn_like(want));
    want.backward(dy.to(torch::kFloat64));
    got.backward(dy);
    EXPECT_LE(error_of(x.grad(), exact.grad()), kHalfUnit);
  }
}

TEST_F(Swiglu, GatesFarFromZeroAreShutOrOpen) {
  auto x = torch::tensor({-200.0F, 200.0F}).repeat_interleave(16).to(torch::kBFloat16);
  x = torch::cat({x, torch::ones({32}, torch::kBFloat16)}).unsqueeze(0);
  const auto y = swiglu_bfloat16(x);
  EXPECT_LT(y.slice(1, 0, 16).abs().max().item<float>(), 1e-30F);
  EXPECT_EQ(y.slice(1, 16).min().item<float>(), 200);
}

TEST_F(RotateHeads, ForwardAndBackwardEqualTheOperationsOneByOne) {
  struct Case {
    int64_t B, T, H, G, D, R;  // R rows of the table: T, or one for each of B T
  };
  for (const auto& c :
       {Case{1, 1, 1, 1, 32, 1}, Case{2, 5, 4, 2, 32, 5}, Case{1, 37, 9, 3, 64, 37},
        Case{3, 4, 6, 1, 64, 12}, Case{1, 5, 4, 2, 8, 5}, Case{2, 3, 2, 1, 48, 6}}) {
    const int64_t N = c.B * c.T, W = (c.H + 2 * c.G) * c.D;
    auto qkv = test::half(torch::randn({c.B, c.T, W})).requires_grad_();
    const auto angles = torch::rand({c.R, c.D / 2}) * 7;
    const auto cos = angles.cos(), sin = angles.sin();
    const auto of_rows = [&](const torch::Tensor& table) {  // (N,1,D/2)
      return table.repeat({N / c.R, 1}).to(torch::kFloat64).unsqueeze(1);
    };
    const auto exact = in_float64(qkv);
    const auto parts =
        exact.view({N, c.H + 2 * c.G, c.D}).split_with_sizes({c.H, c.G, c.G}, /*dim=*/1);
    const auto turned = [&](const torch::Tensor& heads) {
      return rotate(heads, {of_rows(cos), of_rows(sin)});
    };
    const auto shared = [&](const torch::Tensor& heads) {
      return heads.repeat_interleave(c.H / c.G, 1);
    };
    const auto want = torch::cat({turned(parts[0]), shared(turned(parts[1])), shared(parts[2])}, 1)
                          .view({c.B, c.T, 3 * c.H * c.D});
    const auto got = rotate_heads_bfloat16(qkv, {c.H, c.G}, cos, sin);
    EXPECT_LE(error_of(got, want), kHalfUnit);
    const auto dy = test::half(torch::randn_like(want));
    want.backward(dy.to(torch::kFloat64));
    got.backward(dy);
    EXPECT_LE(error_of(qkv.grad(), exact.grad()), kHalfUnit);
  }
}

}  // namespace
}  // namespace gptkit
