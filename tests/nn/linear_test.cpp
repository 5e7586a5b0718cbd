#include "nn/linear.h"

#include <ATen/ops/linear.h>

#include "nn_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::close;
using test::expect_error;

Linear filled(int64_t in, int64_t out, bool bias = true) {
  Linear linear(in, out, bias);
  test::fill(*linear);
  return linear;
}

TEST(Linear, EqualsTorchs) {
  torch::manual_seed(1);
  for (const bool bias : {true, false}) {
    auto linear = filled(5, 3, bias);
    EXPECT_EQ(linear->bias.defined(), bias);
    const auto x = torch::randn({2, 4, 5});
    const auto y = linear(x);
    EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, 4, 3}));
    EXPECT_TRUE(close(y, at::linear(x, linear->weight, linear->bias)));
  }
}

TEST(Linear, PartsOfItGiveTheirRowsOfTheWhole) {
  torch::manual_seed(2);
  auto linear = filled(6, 7);
  const auto x = torch::randn({3, 6});
  const auto parts = linear->forward_parts({x, x}, {2, 5});
  EXPECT_TRUE(close(torch::cat(parts, -1), linear(x)));
}

/// Two parts of different formats, as a fused layer of a file has them.
std::vector<QuantizedTensor> two_parts(int64_t in) {
  return {quantize(DType::kQ8_0, torch::randn({40, in})),
          quantize(DType::kQ4_0, torch::randn({30, in}))};
}

TEST(QuantizedLinear, GivesWhatItsDecodedWeightGives) {
  torch::manual_seed(3);
  auto linear = filled(64, 70);
  linear->set_quantized(two_parts(64));
  const auto x = torch::randn({2, 3, 64});
  const auto want = at::linear(x, linear->dense_weight(), linear->bias);
  EXPECT_TRUE(close(linear(x), want));
  const auto parts = linear->forward_parts({x, x, x}, {10, 35, 25});
  EXPECT_TRUE(close(torch::cat(parts, -1), want));
}

TEST(QuantizedLinear, IsNoParameterAnyMore) {
  auto linear = filled(32, 70);
  linear->set_quantized(two_parts(32));
  EXPECT_FALSE(linear->weight.defined());
  ASSERT_EQ(linear->named_parameters().size(), 1U);
  EXPECT_TRUE(linear->named_parameters().contains("bias"));
  EXPECT_EQ(linear->in_features(), 32);
  EXPECT_EQ(linear->out_features(), 70);
}

TEST(QuantizedLinear, AnAdapterBesideItLearns) {
  torch::manual_seed(4);
  auto linear = filled(32, 70, /*bias=*/false);
  linear->set_quantized(two_parts(32));
  const auto a = torch::randn({4, 32}), b = torch::randn({70, 4});
  linear->set_lora(Lora(70, std::vector<LoraPart>{{0, 70, a, b, /*scale=*/0.5}}));
  auto x = torch::randn({3, 32}).requires_grad_();
  const auto y = linear(x);
  const auto dense = linear->dense_weight();
  EXPECT_TRUE(close(y, x.mm(dense.t()) + x.mm(a.t()).mm(b.t()) / 2));
  y.sum().backward();
  EXPECT_TRUE(close(x.grad(), torch::ones({3, 70}).mm(dense + b.mm(a) / 2)));
  EXPECT_TRUE(close(linear->lora()->parts()[0].b.grad(), torch::ones({70, 3}).mm(x.mm(a.t())) / 2));
}

TEST(QuantizedLinear, RefusesBlocksOfAnotherShape) {
  auto linear = filled(32, 69);
  expect_error([&] { linear->set_quantized(two_parts(32)); },
               "quantised weights of 70 rows do not fit a layer with 69 outputs");
  expect_error([&] { linear->set_quantized(two_parts(64)); },
               "does not fit a layer with 32 inputs");
  EXPECT_TRUE(linear->weight.defined());
}

}  // namespace
}  // namespace gptkit
