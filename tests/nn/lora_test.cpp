#include <torch/types.h>
#include <torch/utils.h>

#include "models/adapter.h"
#include "models/heads/classifier.h"
#include "models/init.h"
#include "models/tiny_families.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::tiny_config;

class LoraOf : public testing::TestWithParam<std::string> {
 protected:
  LoraOf() {
    torch::manual_seed(1);
    gpt_ = GPT(tiny_config(GetParam()));
    initialize_(gpt_);
    classifier_ = Classifier(gpt_, 3, Pooling::kLastToken, /*head_bias=*/false);
    auto head = classifier_->head();
    initialize_linear_(head);
    ids_ = torch::randint(50, {2, 7}, torch::kInt64);
  }
  torch::Tensor logits() {
    torch::NoGradGuard no_grad;
    return classifier_(ids_, lengths_);
  }
  AdapterLayers adapter(const LoraConfig& config) {
    return make_adapter(gpt_, classifier_->head(), config);
  }
  /// As if trained: B no longer zero.
  static void disturb(const AdapterLayers& adapter) {
    torch::NoGradGuard no_grad;
    for (const auto& [linear, lora] : adapter) {
      for (auto part : lora->parts()) part.b.normal_(0, 0.3);
    }
  }

  GPT gpt_{nullptr};
  Classifier classifier_{nullptr};
  torch::Tensor ids_;
  std::vector<int64_t> lengths_ = {7, 5};
};
INSTANTIATE_TEST_SUITE_P(Families, LoraOf, testing::Values("gpt2", "llama"),
                         [](const auto& instance) { return test::family_name(instance.param); });

TEST_P(LoraOf, AFreshAdapterChangesNoBit) {
  const auto before = logits();
  attach(adapter({.rank = 4, .alpha = 8}));
  EXPECT_TRUE(torch::equal(logits(), before));
}

TEST_P(LoraOf, MergingGivesTheSameLogits) {
  const auto before = logits();
  const auto layers = adapter({.rank = 4, .alpha = 8});
  attach(layers);
  disturb(layers);
  const auto adapted = logits();
  EXPECT_FALSE(torch::allclose(adapted, before, 1e-2, 1e-2));
  merge_(layers);
  // Two roundings of sums in another order.
  EXPECT_TRUE(torch::allclose(logits(), adapted, 1e-4, 1e-5));
  for (const auto& [linear, lora] : layers) EXPECT_FALSE(static_cast<bool>(linear->lora()));
}

TEST_P(LoraOf, OnlyAdaptersLearnWhenTheModelIsFrozen) {
  for (auto& parameter : classifier_->parameters()) parameter.requires_grad_(false);
  const auto layers = adapter({.rank = 2});
  attach(layers);
  disturb(layers);
  classifier_(ids_, lengths_).square().sum().backward();
  size_t learning = 0;
  for (const auto& item : classifier_->named_parameters()) {
    const bool adapter = item.key().find(".lora.") != std::string::npos;
    EXPECT_EQ(item.value().grad().defined(), adapter) << item.key();
    learning += adapter;
  }
  const size_t parts = GetParam() == "llama" ? 7 : 6;  // of each block, two tensors a part
  EXPECT_EQ(learning, 2 * (2 * parts + 1));
}

TEST(Lora, AllPartsAsOnePairOfMatricesGiveTheSameAndTheSameGradients) {
  torch::manual_seed(6);
  const auto part = [](int64_t begin, int64_t count, int64_t rank) {
    return LoraPart{begin, count, torch::randn({rank, 16}), torch::randn({count, rank}), 0.5};
  };
  Lora lora(50, std::vector<LoraPart>{part(3, 20, 2), part(30, 10, 3)});
  const auto x = torch::randn({7, 16});
  const auto gradients_of = [&](const torch::Tensor& y) {
    lora->zero_grad();
    y.square().sum().backward();
    std::vector<torch::Tensor> gradients;
    for (const auto& parameter : lora->parameters()) gradients.push_back(parameter.grad().clone());
    return gradients;
  };
  const auto want = lora(x);
  const auto [a, b] = lora->whole();
  EXPECT_EQ(a.sizes(), (std::vector<int64_t>{32, 16}));
  EXPECT_EQ(b.sizes(), (std::vector<int64_t>{50, 32}));
  const auto got = x.matmul(a.t()).matmul(b.t());
  EXPECT_TRUE(torch::allclose(got, want, 1e-5, 1e-5));
  const auto wanted = gradients_of(want), found = gradients_of(got);
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-4, 1e-4)) << i;
  }
}

TEST_P(LoraOf, SeveralAdaptersTakeTurnsOnOneBase) {
  const auto plain = logits();
  const auto first = adapter({.rank = 2}), second = adapter({.rank = 3, .targets = {"value"}});
  attach(first);
  disturb(first);
  const auto with_first = logits();
  detach(first);
  EXPECT_TRUE(torch::equal(logits(), plain));
  attach(second);
  disturb(second);
  EXPECT_FALSE(torch::allclose(logits(), with_first));
  detach(second);
  attach(first);
  EXPECT_TRUE(torch::equal(logits(), with_first));
}

TEST_P(LoraOf, TargetsAndBlocksAreChosen) {
  EXPECT_EQ(adapter({.rank = 2, .targets = {"value"}}).size(), 2U);
  EXPECT_EQ(adapter({.rank = 2, .last_blocks = 1, .targets = {"value", "down"}}).size(), 2U);
  EXPECT_EQ(adapter({.rank = 2, .targets = {"head"}}).size(), 1U);
  // A part of a fused layer: the rest of its output stays as it is.
  const auto layers = adapter({.rank = 2, .last_blocks = 1, .targets = {"key"}});
  disturb(layers);
  auto lora = layers.front().second;
  const auto y = lora(torch::randn({1, 3, 16}));
  const int64_t H = 16, G = GetParam() == "llama" ? 8 : 16;
  EXPECT_EQ(y.size(-1), H + 2 * G);
  EXPECT_TRUE(y.narrow(-1, 0, H).eq(0).all().item<bool>());
  EXPECT_TRUE(y.narrow(-1, H, G).ne(0).all().item<bool>());
  EXPECT_TRUE(y.narrow(-1, H + G, G).eq(0).all().item<bool>());
}

TEST_P(LoraOf, RefusesWhatTheModelHasNot) {
  expect_error([&] { adapter({.rank = 2, .targets = {"c_attn"}}); }, "'c_attn' is no layer");
  expect_error([&] { adapter({.rank = 2, .last_blocks = 3}); }, "the model has 2 blocks");
  expect_error([&] { adapter({.rank = 0}); }, "lora.rank");
  expect_error([&] { adapter({.rank = 2, .dropout = 1}); }, "lora.dropout");
}

TEST(Lora, CountsAsTheBooksAppendixE) {
  const GPT gpt(ModelConfig{});  // GPT-2 small
  Classifier classifier(gpt, 2, Pooling::kLastPosition, /*head_bias=*/true);
  int64_t count = 0;
  for (const auto& [linear, lora] : make_adapter(gpt, classifier->head(), {.rank = 16})) {
    for (const auto& parameter : lora->parameters()) count += parameter.numel();
  }
  EXPECT_EQ(count, 2'666'528);
}

}  // namespace
}  // namespace gptkit
