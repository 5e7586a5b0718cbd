#include "kernels/activation.h"

#include <vector>

#include "kernels/reference/reference.h"
#include "kernels_support.h"

namespace gptkit {
namespace {

using test::error_of;
using test::half;
using test::kHalfUnit;

using Activation = test::LevelTest;
GPTKIT_EACH_LEVEL(Activation);

TEST_P(Activation, EqualsTheReferenceInFloat64ForwardAndBackward) {
  const auto check = [](auto function, auto exactly, const std::vector<int64_t>& shape) {
    auto x = half(torch::randn(shape) * 4).requires_grad_();
    const auto exact = test::in_float64(x);
    const auto got = function(x), want = exactly(exact);
    EXPECT_EQ(got.scalar_type(), torch::kBFloat16);
    // The reference rounds silu(gate) once more.
    EXPECT_LE(error_of(got, want), 2 * kHalfUnit);
    const auto dy = half(torch::randn_like(want));
    want.backward(dy.to(torch::kFloat64));
    got.backward(dy);
    EXPECT_LE(error_of(x.grad(), exact.grad()), 2 * kHalfUnit);
  };
  for (const auto& shape :
       std::vector<std::vector<int64_t>>{{1, 32}, {2, 9, 96}, {70, 3072}, {3, 22}}) {
    check(gelu_tanh, reference::gelu_tanh, shape);
    check(swiglu, reference::swiglu, shape);
  }
}

TEST_P(Activation, Float32IsTheReferenceToTheBit) {
  const auto x = torch::randn({5, 48});
  EXPECT_TRUE(gelu_tanh(x).equal(reference::gelu_tanh(x)));
  EXPECT_TRUE(swiglu(x).equal(reference::swiglu(x)));
}

TEST_P(Activation, GatesFarFromZeroAreShutOrOpen) {
  auto x = half(torch::tensor({-200.0F, 200.0F}).repeat_interleave(16));
  x = torch::cat({x, torch::ones({32}, torch::kBFloat16)}).unsqueeze(0);
  const auto y = swiglu(x);
  EXPECT_LT(y.slice(1, 0, 16).abs().max().item<float>(), 1e-30F);
  EXPECT_EQ(y.slice(1, 16).min().item<float>(), 200);
}

using Gelu = test::Bfloat16Test;

TEST_F(Gelu, AnElementDoesNotDependOnItsPlace) {
  const auto u = half(torch::randn({1000}) * 3);
  const auto all = gelu_tanh(u);
  for (int64_t i = 0; i < 1000; i += 7) {
    EXPECT_TRUE(gelu_tanh(u.slice(0, i, i + 1)).equal(all.slice(0, i, i + 1))) << i;
  }
}

}  // namespace
}  // namespace gptkit
