#include "kernels/matmul.h"

#include <ATen/ops/linear.h>

#include <utility>
#include <vector>

#include "kernels/reference/reference.h"
#include "kernels_support.h"
#include "models/family.h"
#include "models/gpt.h"
#include "models/init.h"

namespace gptkit {
namespace {

using test::Bfloat16Autocast;
using test::error_of;
using test::kHalfUnit;

using LinearInBfloat16 = test::Bfloat16Test;

using AutocastLinear = test::LevelTest;
GPTKIT_EACH_LEVEL(AutocastLinear);

TEST_P(AutocastLinear, GivesTheProductAndItsGradientsToBfloat16Rounding) {
  for (const bool with_bias : {true, false}) {
    for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
      auto x = torch::randn({3, 5, 64}).to(type).requires_grad_();
      auto w = torch::randn({96, 64}).requires_grad_();
      auto b = with_bias ? torch::randn({96}).requires_grad_() : torch::Tensor();
      auto x64 = x.detach().to(torch::kFloat64).requires_grad_();
      auto w64 = w.detach().to(torch::kFloat64).requires_grad_();
      const auto b64 = with_bias ? b.detach().to(torch::kFloat64) : torch::Tensor();
      const auto want = at::linear(x64, w64, b64);
      const auto dy = torch::randn({3, 5, 96});
      want.backward(dy.to(torch::kFloat64));
      torch::Tensor got;
      {
        const Bfloat16Autocast on;
        got = autocast_linear(x, w, b);
      }
      EXPECT_EQ(got.scalar_type(), torch::kBFloat16);
      EXPECT_LE(error_of(got, want), 2 * kHalfUnit);
      got.backward(dy.to(torch::kBFloat16));
      EXPECT_EQ(x.grad().scalar_type(), type);
      EXPECT_LE(error_of(x.grad(), x64.grad()), 2 * kHalfUnit);
      EXPECT_LE(error_of(w.grad(), w64.grad()), 2 * kHalfUnit);
      if (with_bias) {
        EXPECT_LE(error_of(b.grad(), dy.flatten(0, 1).sum(0)), 2 * kHalfUnit);
      }
    }
  }
}

TEST_P(AutocastLinear, AnAdapterIsAddedToTheProduct) {
  const auto weight = torch::randn({96, 64}), bias = torch::randn({96});
  auto x = torch::randn({5, 64}).requires_grad_();
  auto a = torch::randn({32, 64}).requires_grad_(), b = torch::randn({96, 32}).requires_grad_();
  const auto x64 = test::in_float64(x), a64 = test::in_float64(a), b64 = test::in_float64(b);
  const auto want =
      reference::lora_linear(x64, weight.to(torch::kFloat64), bias.to(torch::kFloat64), a64, b64);
  const auto dy = torch::randn({5, 96});
  want.backward(dy.to(torch::kFloat64));
  torch::Tensor got;
  {
    const Bfloat16Autocast on;
    got = autocast_lora_linear(x, weight, bias, a, b);
  }
  EXPECT_LE(error_of(got, want), 3 * kHalfUnit);  // x, W and x a^T are rounded too
  got.backward(dy.to(got.scalar_type()));
  EXPECT_LE(error_of(x.grad(), x64.grad()), 3 * kHalfUnit);
  EXPECT_LE(error_of(a.grad(), a64.grad()), 3 * kHalfUnit);
  EXPECT_LE(error_of(b.grad(), b64.grad()), 3 * kHalfUnit);
}

TEST_P(AutocastLinear, WithoutAutocastItIsTorchs) {
  const auto x = torch::randn({4, 32}), w = torch::randn({64, 32});
  EXPECT_TRUE(torch::equal(autocast_linear(x, w, {}), at::linear(x, w)));
  const Bfloat16Autocast on;
  EXPECT_EQ(autocast_linear(x.narrow(0, 0, 0), w, {}).sizes(), (std::vector<int64_t>{0, 64}));
}

TEST_F(LinearInBfloat16, AFrozenWeightGetsNoGradientAndPartsOfAFusedOneTheirs) {
  const Bfloat16Autocast on;
  const auto x = torch::randn({4, 32}).requires_grad_();
  const auto frozen = torch::randn({64, 32});
  autocast_linear(x, frozen, {}).sum().backward();
  EXPECT_FALSE(frozen.grad().defined());
  EXPECT_TRUE(x.grad().defined());

  auto fused = torch::randn({96, 32}).requires_grad_();
  const auto parts = fused.split_with_sizes({32, 64});
  autocast_linear(x, parts[1], {}).sum().backward();
  EXPECT_EQ(fused.grad().slice(0, 0, 32).abs().max().item<float>(), 0);
  EXPECT_GT(fused.grad().slice(0, 32).abs().min().item<float>(), 0);
}

TEST_F(LinearInBfloat16, AnAdapterIsAddedBeforeTheRounding) {
  for (const int64_t rows : {1, 70, 200}) {
    const int64_t I = 96, O = 160, P = 64;
    const auto weight = torch::randn({O, I});
    const auto bias = rows == 70 ? torch::Tensor() : torch::randn({O});
    auto x = torch::randn({rows, I}).requires_grad_();
    auto a = torch::randn({P, I}).requires_grad_(), b = torch::randn({O, P}).requires_grad_();
    const auto exact = [](const torch::Tensor& t) {
      return test::rounded(t.detach()).requires_grad_();
    };
    const auto x64 = exact(x), a64 = exact(a), b64 = exact(b);
    const auto bias64 = bias.defined() ? bias.to(torch::kFloat64) : bias;
    const auto want =
        at::linear(x64, test::rounded(weight), bias64) + at::linear(at::linear(x64, a64), b64);
    const auto dy = test::half(torch::randn({rows, O}));
    want.backward(dy.to(torch::kFloat64));
    torch::Tensor got;
    {
      const Bfloat16Autocast on;
      ASSERT_TRUE(fits_lora_linear(x, weight, bias));
      got = autocast_lora_linear(x, weight, bias, a, b);
    }
    EXPECT_LE(error_of(got, want), 2 * kHalfUnit);
    got.backward(dy);
    EXPECT_LE(error_of(x.grad(), x64.grad()), 2 * kHalfUnit);
    EXPECT_LE(error_of(a.grad(), a64.grad()), 2 * kHalfUnit);
    EXPECT_LE(error_of(b.grad(), b64.grad()), 2 * kHalfUnit);
  }
}

TEST_F(LinearInBfloat16, AnAdapterOfZerosChangesNoBitAndALearningWeightTakesTheOtherWay) {
  const Bfloat16Autocast on;
  const auto x = torch::randn({70, 64}), weight = torch::randn({96, 64});
  const auto adapted =
      autocast_lora_linear(x, weight, {}, torch::randn({32, 64}), torch::zeros({96, 32}));
  EXPECT_TRUE(adapted.equal(autocast_linear(x, weight, {})));
  EXPECT_FALSE(fits_lora_linear(x, torch::randn({96, 64}).requires_grad_(), {}));
}

TEST_F(LinearInBfloat16, ARowDoesNotDependOnTheOthers) {
  const Bfloat16Autocast on;
  const torch::NoGradGuard no_grad;
  for (const auto& [I, O] : {std::pair<int64_t, int64_t>{256, 96}, {24, 72}, {7, 3}}) {
    const auto x = torch::randn({150, I}), w = torch::randn({O, I}), b = torch::randn({O});
    const auto all = autocast_linear(x, w, b);
    for (const int64_t rows : {1, 2, 15, 16, 17, 33, 64, 65, 128}) {
      for (const int64_t first : {int64_t{0}, 150 - rows}) {
        EXPECT_TRUE(torch::equal(autocast_linear(x.narrow(0, first, rows), w, b),
                                 all.narrow(0, first, rows)))
            << rows << " rows from " << first << ", " << I << " to " << O;
      }
    }
  }
}

TEST_F(LinearInBfloat16, WidthsThatTheProductsDoNotFitHaveZerosBehindThem) {
  const Bfloat16Autocast on;
  for (const auto& [I, O] : {std::pair<int64_t, int64_t>{24, 72}, {32, 3}, {7, 64}}) {
    auto x = torch::randn({2, 5, I}).requires_grad_(), w = torch::randn({O, I}).requires_grad_(),
         b = torch::randn({O}).requires_grad_();
    auto exact_x = test::rounded(x.detach()).requires_grad_(),
         exact_w = test::rounded(w.detach()).requires_grad_(),
         exact_b = b.detach().to(torch::kFloat64).requires_grad_();
    const auto want = at::linear(exact_x, exact_w, exact_b);
    const auto got = autocast_linear(x, w, b);
    EXPECT_EQ(got.sizes(), want.sizes());
    EXPECT_LE(error_of(got, want), kHalfUnit);
    const auto dy = test::half(torch::randn({2, 5, O}));
    want.backward(dy.to(torch::kFloat64));
    got.backward(dy);
    EXPECT_LE(error_of(x.grad(), exact_x.grad()), kHalfUnit);
    EXPECT_LE(error_of(w.grad(), exact_w.grad()), kHalfUnit);
    EXPECT_LE(error_of(b.grad(), exact_b.grad()), kHalfUnit);
  }
}

/// A Llama's layers go through these products one by one.
TEST_F(LinearInBfloat16, ALlamaGivesTheGradientsOfFloat32ToBfloat16Rounding) {
  auto config = of_family("llama", {.vocab_size = 50,
                                    .context_length = 80,
                                    .n_layer = 2,
                                    .n_head = 4,
                                    .n_kv_head = 2,
                                    .d_model = 128,
                                    .d_ff = 160});
  config.qkv_bias = config.proj_bias = config.mlp_bias = false;
  GPT gpt(config);
  initialize_(gpt);
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : gpt->parameters()) {
      if (parameter.dim() == 2) parameter.mul_(5);
    }
  }
  const auto ids = torch::randint(50, {3, 70}, torch::kInt64);
  const auto dy = torch::randn({3, 70, 128});
  const auto want = gpt->hidden(ids);
  want.backward(dy);
  std::vector<torch::Tensor> gradients;
  for (auto& parameter : gpt->parameters()) {
    gradients.push_back(parameter.grad().defined() ? parameter.grad().clone() : torch::Tensor());
    parameter.mutable_grad() = torch::Tensor();
  }
  torch::Tensor got, first;
  {
    const Bfloat16Autocast on;
    got = gpt->hidden(ids);
    const torch::NoGradGuard no_grad;
    first = gpt->hidden(ids.slice(0, 0, 1).slice(1, 0, 33));
  }
  EXPECT_LE(error_of(got, want), 0.03);
  got.backward(dy);
  size_t i = 0;
  for (const auto& item : gpt->named_parameters()) {
    const auto& gradient = gradients[i++];
    ASSERT_EQ(item.value().grad().defined(), gradient.defined()) << item.key();
    if (!gradient.defined()) continue;
    EXPECT_LE(error_of(item.value().grad(), gradient), 0.06) << item.key();
  }
  // Neither the other texts nor what comes behind matter, not even in the last bit.
  EXPECT_TRUE(torch::equal(first[0], got[0].slice(0, 0, 33)));
}

}  // namespace
}  // namespace gptkit
