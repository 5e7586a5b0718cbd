#include "kernels/gelu.h"

#include <ATen/ops/gelu.h>

#include "kernels_support.h"

namespace gptkit {
namespace {

using test::error_of;
using test::kHalfUnit;

using Gelu = test::Bfloat16Test;

TEST_F(Gelu, ForwardAndBackwardEqualTorchs) {
  auto u = test::half(torch::randn({7, 93}) * 3).requires_grad_();
  ASSERT_TRUE(fits_gelu_bfloat16(u));
  auto exact = u.detach().to(torch::kFloat64).requires_grad_();
  const auto want = at::gelu(exact, "tanh");
  const auto got = gelu_bfloat16(u);
  EXPECT_LE(error_of(got, want), kHalfUnit);
  const auto dy = test::half(torch::randn({7, 93}));
  want.backward(dy.to(torch::kFloat64));
  got.backward(dy);
  EXPECT_LE(error_of(u.grad(), exact.grad()), kHalfUnit);
}

TEST_F(Gelu, AnElementDoesNotDependOnItsPlace) {
  const auto u = test::half(torch::randn({1000}) * 3);
  const auto all = gelu_bfloat16(u);
  for (int64_t i = 0; i < 1000; i += 7) {
    EXPECT_TRUE(gelu_bfloat16(u.slice(0, i, i + 1)).equal(all.slice(0, i, i + 1))) << i;
  }
}

}  // namespace
}  // namespace gptkit
