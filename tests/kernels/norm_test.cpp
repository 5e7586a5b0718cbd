#include "kernels/norm.h"

#include <vector>

#include "kernels/reference/reference.h"
#include "kernels_support.h"

namespace gptkit {
namespace {

using test::error_of;

using NormForMatmul = test::LevelTest;
GPTKIT_EACH_LEVEL(NormForMatmul);

TEST_P(NormForMatmul, EqualsTheReferenceInFloat64ForwardAndBackward) {
  for (const auto& shape : std::vector<std::vector<int64_t>>{{1, 16}, {3, 7, 48}, {130, 576}}) {
    auto x = (torch::randn(shape) * 3).requires_grad_();
    auto weight = torch::randn({shape.back()}).requires_grad_();
    const auto exact = test::in_float64(x), exact_weight = test::in_float64(weight);
    const auto want = reference::rms_norm(exact, exact_weight, 1e-5);
    const auto dy = test::half(torch::randn(shape));
    want.backward(dy.to(torch::kFloat64));
    for (const int times : {1, 2}) {
      torch::Tensor got;
      {
        const test::Bfloat16Autocast on;
        got = rms_norm_for_matmul(x, weight, 1e-5);
      }
      EXPECT_LE(error_of(got, want), test::kHalfUnit);
      got.backward(dy.to(got.scalar_type()));
      EXPECT_LE(error_of(x.grad(), exact.grad() * times), 1e-5);
      EXPECT_LE(error_of(weight.grad(), exact_weight.grad() * times), 1e-5);
    }
  }
}

TEST_P(NormForMatmul, WithoutAutocastItIsTheReferenceToTheBit) {
  const auto x = torch::randn({3, 32}), weight = torch::randn({32}), bias = torch::randn({32});
  EXPECT_TRUE(rms_norm_for_matmul(x, weight, 1e-5).equal(reference::rms_norm(x, weight, 1e-5)));
  EXPECT_TRUE(
      layer_norm(x, weight, bias, 1e-5).equal(reference::layer_norm(x, weight, bias, 1e-5)));
}

TEST_P(NormForMatmul, AFrozenWeightGetsNoGradient) {
  const test::Bfloat16Autocast on;
  auto x = torch::randn({4, 32}).requires_grad_();
  const auto weight = torch::ones({32});
  rms_norm_for_matmul(x, weight, 1e-5).sum().backward();
  EXPECT_FALSE(weight.grad().defined());
  EXPECT_TRUE(x.grad().defined());
}

TEST_P(NormForMatmul, WhatAVariantDoesNotTakeRunsInTheReference) {
  const test::Bfloat16Autocast on;
  for (const auto& x : {torch::randn({2, 20}), torch::randn({0, 32})}) {
    const auto weight = torch::ones({x.size(1)});
    const auto y = rms_norm_for_matmul(x, weight, 1e-5);
    EXPECT_EQ(y.scalar_type(), torch::kFloat32);
    EXPECT_TRUE(y.equal(reference::rms_norm(x, weight, 1e-5)));
  }
}

}  // namespace
}  // namespace gptkit
