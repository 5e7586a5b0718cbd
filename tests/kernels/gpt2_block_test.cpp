#include "kernels/gpt2_block.h"

#include <vector>

#include "kernels/reference/reference.h"
#include "kernels_support.h"
#include "models/init.h"
#include "nn/block.h"

namespace gptkit {
namespace {

using test::error_of;

/// A block whose weights are as large as a trained one's.
GPT model_of(bool qkv_bias) {
  GPT gpt(ModelConfig{.vocab_size = 50,
                      .context_length = 80,
                      .n_layer = 2,
                      .n_head = 2,
                      .d_model = 64,
                      .qkv_bias = qkv_bias});
  initialize_(gpt);
  torch::NoGradGuard no_grad;
  for (auto& parameter : gpt->parameters()) {
    if (parameter.dim() == 2) parameter.mul_(5);
    if (parameter.dim() == 1) parameter.add_(torch::randn_like(parameter) * 0.1);
  }
  return gpt;
}

torch::Tensor in_bfloat16(GPT& gpt, const torch::Tensor& ids) {
  const test::Bfloat16Autocast autocast;
  return gpt->hidden(ids);
}

using Gpt2BlockLevel = test::LevelTest;
GPTKIT_EACH_LEVEL(Gpt2BlockLevel);

TEST_P(Gpt2BlockLevel, EqualsTheReferenceInFloat64ForwardAndBackward) {
  const int64_t C = 64, F = 128;
  const auto weights = [](const std::vector<torch::Tensor>& t) {
    return Gpt2BlockWeights{t[0], t[1], t[2], t[3], t[4],  t[5],
                            t[6], t[7], t[8], t[9], t[10], t[11]};
  };
  std::vector<torch::Tensor> own, exact;
  for (const auto& shape : std::vector<std::vector<int64_t>>{
           {C}, {C}, {3 * C, C}, {3 * C}, {C, C}, {C}, {C}, {C}, {F, C}, {F}, {C, F}, {C}}) {
    own.push_back((torch::randn(shape) * 0.1 + (shape.size() == 1 ? 0.5 : 0)).requires_grad_());
    exact.push_back(test::in_float64(own.back()));
  }
  auto x = torch::randn({2, 33, C}).requires_grad_();
  const auto exact_x = test::in_float64(x);
  const std::vector<int64_t> offsets = {0, 20, 33, 66};
  const auto want = reference::gpt2_block(exact_x, offsets, weights(exact), 4, 1e-5);
  torch::Tensor got;
  {
    const test::Bfloat16Autocast autocast;
    got = gpt2_block(x, offsets, weights(own), 4, 1e-5);
  }
  EXPECT_LE(error_of(got, want), 0.02);
  const auto dy = torch::randn({2, 33, C});
  want.backward(dy.to(torch::kFloat64));
  got.backward(dy.to(got.scalar_type()));
  EXPECT_LE(error_of(x.grad(), exact_x.grad()), 0.04);
  for (size_t i = 0; i < own.size(); ++i) {
    EXPECT_LE(error_of(own[i].grad(), exact[i].grad()), 0.04) << i;
  }
}

using Gpt2Block = test::Bfloat16Test;

TEST_F(Gpt2Block, GivesTheGradientsOfTheModulesToBfloat16Rounding) {
  for (const bool qkv_bias : {true, false}) {
    auto gpt = model_of(qkv_bias);
    const auto ids = torch::randint(50, {3, 70}, torch::kInt64);
    const auto dy = torch::randn({3, 70, 64});
    const auto want = gpt->hidden(ids);
    want.backward(dy);
    std::vector<torch::Tensor> gradients;
    for (auto& parameter : gpt->parameters()) {
      gradients.push_back(parameter.grad().clone());
      parameter.mutable_grad() = torch::Tensor();
    }
    const auto got = in_bfloat16(gpt, ids);
    EXPECT_LE(error_of(got, want), 0.02);
    got.backward(dy);
    size_t i = 0;
    for (const auto& item : gpt->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_LE(error_of(item.value().grad(), gradients[i++]), 0.04) << item.key();
    }
  }
}

TEST_F(Gpt2Block, AddsUpOverBackwards) {
  auto gpt = model_of(true);
  const auto ids = torch::randint(50, {2, 33}, torch::kInt64);
  in_bfloat16(gpt, ids).sum().backward();
  std::vector<torch::Tensor> once;
  for (const auto& parameter : gpt->parameters()) once.push_back(parameter.grad().clone());
  in_bfloat16(gpt, ids).sum().backward();
  size_t i = 0;
  for (const auto& parameter : gpt->parameters()) {
    if (once[i].abs().max().item<double>() > 0) {
      EXPECT_LE(error_of(parameter.grad(), once[i] * 2), 1e-5);
    }
    ++i;
  }
}

TEST_F(Gpt2Block, FrozenBlocksGetNoGradientAndTheOthersTheSame) {
  auto gpt = model_of(true);
  const auto ids = torch::randint(50, {2, 33}, torch::kInt64);
  in_bfloat16(gpt, ids).square().sum().backward();
  const auto want = gpt->block(1)->mlp()->up()->weight.grad().clone();
  for (auto& parameter : gpt->parameters()) {
    parameter.mutable_grad() = torch::Tensor();
    parameter.requires_grad_(false);
  }
  auto up = gpt->block(1)->mlp()->up()->weight;
  up.requires_grad_(true);
  in_bfloat16(gpt, ids).square().sum().backward();
  EXPECT_TRUE(up.grad().equal(want));
  EXPECT_FALSE(gpt->block(1)->mlp()->down()->weight.grad().defined());
  EXPECT_FALSE(gpt->block(0)->mlp()->up()->weight.grad().defined());
}

TEST_F(Gpt2Block, TheBatchMatesOfASequenceDoNotMatter) {
  auto gpt = model_of(true);
  torch::NoGradGuard no_grad;
  const auto ids = torch::randint(50, {4, 70}, torch::kInt64);
  const auto together = in_bfloat16(gpt, ids);
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_LE(error_of(in_bfloat16(gpt, ids.slice(0, row, row + 1))[0], together[row]), 1e-2);
  }
}

}  // namespace
}  // namespace gptkit
