#include "kernels/rotary.h"

#include "kernels/reference/reference.h"
#include "kernels_support.h"

namespace gptkit {
namespace {

using test::error_of;

using RotateHeads = test::LevelTest;
GPTKIT_EACH_LEVEL(RotateHeads);

struct Case {
  int64_t B, T, H, G, D, R;  // R rows of the table: T, or one for each of B T
};
constexpr Case kCases[] = {{1, 1, 1, 1, 32, 1},  {2, 5, 4, 2, 32, 5}, {1, 37, 9, 3, 64, 37},
                           {3, 4, 6, 1, 64, 12}, {1, 5, 4, 2, 8, 5},  {2, 3, 2, 1, 48, 6}};

TEST_P(RotateHeads, EqualsTheReferenceInFloat64ForwardAndBackward) {
  for (const auto& c : kCases) {
    auto qkv = test::half(torch::randn({c.B, c.T, (c.H + 2 * c.G) * c.D})).requires_grad_();
    const auto angles = torch::rand({c.R, c.D / 2}) * 7;
    const auto cos = angles.cos(), sin = angles.sin();
    const auto exact = test::in_float64(qkv);
    const auto want = reference::rotate_heads(exact, {c.H, c.G}, cos.to(torch::kFloat64),
                                              sin.to(torch::kFloat64));
    const auto got = rotate_heads(qkv, {c.H, c.G}, cos, sin);
    EXPECT_EQ(got.scalar_type(), torch::kBFloat16);
    EXPECT_LE(error_of(got, want), test::kHalfUnit);
    const auto dy = test::half(torch::randn_like(want));
    want.backward(dy.to(torch::kFloat64));
    got.backward(dy);
    // The reference adds up a shared key's gradients in bfloat16.
    EXPECT_LE(error_of(qkv.grad(), exact.grad()), 2 * test::kHalfUnit);
  }
}

TEST_P(RotateHeads, KeysAndValuesAreRepeatedForTheirQueries) {
  const auto qkv = test::half(torch::arange(4 * 4).view({1, 16}));  // H 2, G 1, D 4
  const auto y = rotate_heads(qkv, {2, 1}, torch::ones({1, 2}), torch::zeros({1, 2}));
  const auto want = torch::cat(
      {qkv.slice(1, 0, 12), qkv.slice(1, 8, 12), qkv.slice(1, 12, 16), qkv.slice(1, 12, 16)}, 1);
  EXPECT_TRUE(y.equal(want)) << y;
}

}  // namespace
}  // namespace gptkit
