#include "kernels/x86/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include "kernels/attention.h"
#include "kernels/kernels_support.h"

namespace gptkit::x86 {
namespace {

using test::error_of;
using Attention = test::Bfloat16Test;

/// Lengths of sequences and sizes of heads around those of tiles and panels.
void expect_torchs(int64_t T, int64_t D, bool causal) {
  SCOPED_TRACE(testing::Message() << T << " tokens, heads of " << D << ", causal " << causal);
  const int64_t B = 2, H = 3, C = H * D, N = B * T;
  const auto qkv = test::half(torch::randn({N, 3 * C}));
  auto exact = qkv.to(torch::kFloat64).requires_grad_();
  const auto heads = exact.view({B, T, 3, H, D}).permute({2, 0, 3, 1, 4});
  const auto want = at::scaled_dot_product_attention(heads[0], heads[1], heads[2], {}, 0, causal)
                        .transpose(1, 2)
                        .reshape({N, C});
  const auto got = attention_bfloat16(qkv, even_offsets(B, T), H, causal);
  EXPECT_LE(error_of(got.y, want), 2 * test::kHalfUnit);

  const auto dy = test::half(torch::randn({N, C}));
  want.backward(dy.to(torch::kFloat64));
  const auto dqkv = attention_backward_bfloat16(dy, qkv, got, even_offsets(B, T), H, causal);
  EXPECT_LE(error_of(dqkv, exact.grad()), 4 * test::kHalfUnit);
}

TEST_F(Attention, EqualsTorchsInFloat64ForwardAndBackward) {
  for (const bool causal : {true, false}) {
    for (const int64_t T : {1, 2, 63, 64, 65, 200}) {
      for (const int64_t D : {5, 32, 48, 64, 72, 128}) expect_torchs(T, D, causal);
    }
    for (int64_t D = 8; D <= 136; D += 8) expect_torchs(/*T=*/70, D, causal);
  }
}

TEST_F(Attention, TakesHeadsOfUpTo512) {
  const auto qkv = test::half(torch::zeros({1, 3}));
  EXPECT_FALSE(fits_packed_attention(qkv, 0));
  EXPECT_TRUE(fits_packed_attention(qkv, 1));
  EXPECT_TRUE(fits_packed_attention(qkv, 512));
  EXPECT_FALSE(fits_packed_attention(qkv, 513));
  EXPECT_FALSE(fits_packed_attention(torch::zeros({1, 3}), 1));
  expect_torchs(/*T=*/66, /*D=*/512, /*causal=*/true);
}

TEST_F(Attention, LaterTokensChangeNothingBefore) {
  auto qkv = test::half(torch::randn({100, 96}));
  const auto before = attention_bfloat16(qkv, {0, 100}, 1).y.clone();
  qkv.slice(0, 70).normal_();
  const auto after = attention_bfloat16(qkv, {0, 100}, 1).y;
  EXPECT_TRUE(after.slice(0, 0, 70).equal(before.slice(0, 0, 70)));
  EXPECT_FALSE(after.slice(0, 70).equal(before.slice(0, 70)));
}

TEST_F(Attention, SequencesOfAnyLengthsDoNotSeeEachOther) {
  const std::vector<int64_t> offsets = {0, 3, 73, 74, 210, 274};
  for (int64_t D = 8; D <= 128; D += 8) {
    const bool causal = D % 16 == 0;
    const int64_t H = 2, C = H * D, N = offsets.back();
    const auto qkv = test::half(torch::randn({N, 3 * C}));
    const auto dy = test::half(torch::randn({N, C}));
    const auto together = attention_bfloat16(qkv, offsets, H, causal);
    const auto dqkv = attention_backward_bfloat16(dy, qkv, together, offsets, H, causal);
    for (size_t b = 0; b + 1 < offsets.size(); ++b) {
      const auto own = [&](const torch::Tensor& rows) {
        return rows.slice(0, offsets[b], offsets[b + 1]).contiguous();
      };
      const std::vector<int64_t> all = {0, offsets[b + 1] - offsets[b]};
      const auto alone = attention_bfloat16(own(qkv), all, H, causal);
      EXPECT_TRUE(own(together.y).equal(alone.y)) << b << ", heads of " << D;
      EXPECT_TRUE(
          own(dqkv).equal(attention_backward_bfloat16(own(dy), own(qkv), alone, all, H, causal)))
          << b << ", heads of " << D;
    }
  }
}

}  // namespace
}  // namespace gptkit::x86
