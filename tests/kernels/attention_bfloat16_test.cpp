#include "kernels/attention_bfloat16.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include "kernels_support.h"

namespace gptkit {
namespace {

using test::error_of;
using CausalAttention = test::Bfloat16Test;

TEST_F(CausalAttention, EqualsTorchsInFloat64ForwardAndBackward) {
  for (const int64_t T : {1, 2, 63, 64, 65, 200}) {
    for (const int64_t D : {32, 64}) {
      SCOPED_TRACE(testing::Message() << T << " tokens, heads of " << D);
      const int64_t B = 2, H = 3, C = H * D, N = B * T;
      const auto qkv = test::half(torch::randn({N, 3 * C}));
      auto exact = qkv.to(torch::kFloat64).requires_grad_();
      const auto heads = exact.view({B, T, 3, H, D}).permute({2, 0, 3, 1, 4});
      const auto want =
          at::scaled_dot_product_attention(heads[0], heads[1], heads[2], {}, 0, /*is_causal=*/true)
              .transpose(1, 2)
              .reshape({N, C});
      const auto got = causal_attention_bfloat16(qkv, even_offsets(B, T), H);
      EXPECT_LE(error_of(got.y, want), 2 * test::kHalfUnit);

      const auto dy = test::half(torch::randn({N, C}));
      want.backward(dy.to(torch::kFloat64));
      const auto dqkv = causal_attention_backward_bfloat16(dy, qkv, got, even_offsets(B, T), H);
      EXPECT_LE(error_of(dqkv, exact.grad()), 4 * test::kHalfUnit);
    }
  }
}

TEST_F(CausalAttention, LaterTokensChangeNothingBefore) {
  auto qkv = test::half(torch::randn({100, 96}));
  const auto before = causal_attention_bfloat16(qkv, {0, 100}, 1).y.clone();
  qkv.slice(0, 70).normal_();
  const auto after = causal_attention_bfloat16(qkv, {0, 100}, 1).y;
  EXPECT_TRUE(after.slice(0, 0, 70).equal(before.slice(0, 0, 70)));
  EXPECT_FALSE(after.slice(0, 70).equal(before.slice(0, 70)));
}

TEST_F(CausalAttention, SequencesOfAnyLengthsDoNotSeeEachOther) {
  const std::vector<int64_t> offsets = {0, 3, 73, 74, 210, 274};
  const int64_t H = 2, C = H * 32, N = offsets.back();
  const auto qkv = test::half(torch::randn({N, 3 * C}));
  const auto dy = test::half(torch::randn({N, C}));
  const auto together = causal_attention_bfloat16(qkv, offsets, H);
  const auto dqkv = causal_attention_backward_bfloat16(dy, qkv, together, offsets, H);
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const auto own = [&](const torch::Tensor& rows) {
      return rows.slice(0, offsets[b], offsets[b + 1]).contiguous();
    };
    const std::vector<int64_t> all = {0, offsets[b + 1] - offsets[b]};
    const auto alone = causal_attention_bfloat16(own(qkv), all, H);
    EXPECT_TRUE(own(together.y).equal(alone.y)) << b;
    EXPECT_TRUE(
        own(dqkv).equal(causal_attention_backward_bfloat16(own(dy), own(qkv), alone, all, H)))
        << b;
  }
}

}  // namespace
}  // namespace gptkit
