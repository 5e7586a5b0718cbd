#include "kernels/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include <vector>

#include "kernels/reference/reference.h"
#include "kernels_support.h"

namespace gptkit {
namespace {

using test::error_of;
using test::kHalfUnit;

using PackedAttention = test::LevelTest;
GPTKIT_EACH_LEVEL(PackedAttention);

TEST_P(PackedAttention, EqualsTheReferenceInFloat64ForwardAndBackward) {
  const std::vector<int64_t> offsets = {0, 3, 73, 74, 210};
  for (const bool causal : {true, false}) {
    for (const int64_t D : {5, 64, 72}) {
      const int64_t H = 3, C = H * D, N = offsets.back();
      auto qkv = test::half(torch::randn({N, 3 * C})).requires_grad_();
      const auto exact = test::in_float64(qkv);
      const auto want = reference::packed_attention(exact, offsets, H, causal);
      const auto got = packed_attention(qkv, offsets, H, causal);
      EXPECT_LE(error_of(got, want), 2 * kHalfUnit);
      const auto dy = test::half(torch::randn({N, C}));
      want.backward(dy.to(torch::kFloat64));
      got.backward(dy);
      EXPECT_LE(error_of(qkv.grad(), exact.grad()), 4 * kHalfUnit);
    }
  }
}

TEST_P(PackedAttention, KeepsTheShapeOfABatch) {
  const auto qkv = test::half(torch::randn({2, 7, 96}));
  const auto y = packed_attention(qkv, even_offsets(2, 7), 2);
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, 7, 32}));
  const auto rows = packed_attention(qkv.view({14, 96}), {0, 7, 14}, 2);
  EXPECT_TRUE(rows.view({2, 7, 32}).equal(y));
}

/// The oracle itself against the formula.
TEST(AttentionReference, IsTheFormulaOfTheHeader) {
  torch::manual_seed(1);
  const int64_t T = 6, D = 4;
  const auto qkv = torch::randn({T, 3 * D}, torch::kFloat64);
  const auto parts = qkv.chunk(3, 1);
  auto scores = parts[0].mm(parts[1].t()) / 2;  // sqrt(D)
  scores.masked_fill_(torch::ones({T, T}, torch::kBool).triu(1), -1e300);
  const auto want = scores.softmax(1).mm(parts[2]);
  EXPECT_LE(error_of(reference::packed_attention(qkv, {0, T}, 1, /*causal=*/true), want), 1e-12);
}

}  // namespace
}  // namespace gptkit
