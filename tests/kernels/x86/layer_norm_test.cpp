#include "kernels/x86/layer_norm.h"

#include <ATen/ops/layer_norm.h>

#include "kernels/kernels_support.h"

namespace gptkit::x86 {
namespace {

using test::error_of;
using test::kHalfUnit;
using LayerNorm = test::Bfloat16Test;

TEST_F(LayerNorm, ForwardAndBackwardEqualTorchs) {
  for (const int64_t N : {1, 5, 67}) {
    for (const int64_t C : {32, 384}) {
      auto x = (torch::randn({N, C}) * 3 + 1).requires_grad_();
      auto weight = torch::randn({C}).requires_grad_(), bias = torch::randn({C}).requires_grad_();
      const auto want = at::layer_norm(x, {C}, weight, bias, 1e-5);
      const auto got = layer_norm_bfloat16(x.detach(), weight.detach(), bias.detach(), 1e-5);
      EXPECT_LE(error_of(got.y, want), kHalfUnit);

      const auto dy = torch::randn({N, C}).to(torch::kBFloat16), passed = torch::randn({N, C});
      want.backward(dy.to(torch::kFloat32));
      auto own_weight = weight.detach().clone().requires_grad_();
      auto own_bias = bias.detach().clone().requires_grad_();
      for (const int times : {1, 2}) {
        Gradient dweight(own_weight, true), dbias(own_bias, true);
        const auto dx = layer_norm_backward_bfloat16(dy, x.detach(), got, own_weight.detach(),
                                                     passed, true, true, dweight, dbias);
        EXPECT_LE(error_of(dx.full, x.grad() + passed), 1e-5);
        EXPECT_TRUE(dx.rounded.equal(dx.full.to(torch::kBFloat16)));
        EXPECT_LE(error_of(own_weight.grad(), weight.grad() * times), 1e-5);
        EXPECT_LE(error_of(own_bias.grad(), bias.grad() * times), 1e-5);
      }
    }
  }
}

TEST_F(LayerNorm, RoundsAsTorchDoes) {
  const auto x = torch::randn({37, 32}) * 100;
  EXPECT_TRUE(round_to_bfloat16(x).equal(x.to(torch::kBFloat16)));
}

}  // namespace
}  // namespace gptkit::x86
