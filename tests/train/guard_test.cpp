#include "train/guard.h"

#include <limits>

#include "train/train_support.h"

namespace gptkit {
namespace {

using test::toy_model;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

void poison_(const torch::Tensor& weight, float value) {
  torch::NoGradGuard no_grad;
  weight.flatten()[0] = value;
}

TEST(Guard, TellsWhereAStepIs) {
  EXPECT_EQ(to_text({.step = 7, .epoch = 2, .batch = 3, .examples = {4, 0, 11}}),
            "step 7 (epoch 2, batch 3, examples 4, 0, 11)");
  EXPECT_EQ(to_text({.step = 0}), "step 0 (epoch 1, batch 1)");
  EXPECT_EQ(to_text({.step = 0, .examples = std::vector<int64_t>(20, 5)}),
            "step 0 (epoch 1, batch 1, examples 5, 5, 5, 5, 5, 5, 5, 5 ... 20 in all)");
}

TEST(Guard, ASpikeIsManyTimesTheMedianOfTheLastSteps) {
  RecentLosses losses;
  for (int i = 0; i < 15; ++i) remember_loss(losses, 4);
  EXPECT_EQ(spike_limit(losses, 10), std::numeric_limits<double>::infinity()) << "too few";
  remember_loss(losses, 4);
  EXPECT_EQ(spike_limit(losses, 10), 40);
  EXPECT_EQ(spike_limit(losses, 0), std::numeric_limits<double>::infinity()) << "off";
  // One odd loss, however large, does not move what is usual.
  remember_loss(losses, 1e9);
  EXPECT_EQ(spike_limit(losses, 10), 40);
  // Old ones are forgotten, and below 1 the limit falls no more.
  for (size_t i = 0; i < kSpikeWindow; ++i) remember_loss(losses, 0.001);
  EXPECT_EQ(losses.size(), kSpikeWindow);
  EXPECT_EQ(spike_limit(losses, 10), 10);
}

TEST(Guard, FindsAWeightThatIsNotFinite) {
  auto gpt = toy_model(0);
  EXPECT_EQ(first_weight_not_finite(*gpt), "");
  poison_(gpt->final_norm()->weight, -kInf);
  EXPECT_EQ(first_weight_not_finite(*gpt), "final_norm.weight");
}

/// What the guard says of a forward pass over a few tokens.
std::string culprit(GPT& gpt) {
  return first_result_not_finite(*gpt, [&] { gpt(torch::arange(12, torch::kInt64).view({2, 6})); });
}

TEST(Guard, NamesTheLayerWhoseResultIsTheFirstNotFinite) {
  torch::manual_seed(1);
  auto sound = toy_model(0.1);
  EXPECT_EQ(culprit(sound), "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"blocks.0.mlp.up.weight", "blocks.0.mlp.up"},
      {"blocks.1.norm2.weight", "blocks.1.norm2"},
      {"blocks.1.attention.qkv.weight", "blocks.1.attention.qkv"},
      // Its rows are finite still; their mean is not.
      {"token_embedding.weight", "blocks.0.norm1"}};
  for (const auto& [large, named] : cases) {
    auto gpt = toy_model(0.1);
    {
      torch::NoGradGuard no_grad;
      auto weight = gpt->named_parameters()[large];
      weight.div_(weight.abs().max()).mul_(3e38);
    }
    EXPECT_EQ(first_weight_not_finite(*gpt), "") << large;
    const auto found = culprit(gpt);
    EXPECT_THAT(found, testing::HasSubstr("aten::")) << large;
    EXPECT_THAT(found, testing::HasSubstr("'" + named + "'")) << large;
  }
}

TEST(Guard, NamesTheGradientThatBackwardSpoiltFirst) {
  auto gpt = toy_model(0);
  const AdamW optimizer(*gpt, {});
  for (auto parameter : optimizer.parameters()) {
    parameter.mutable_grad() = torch::ones_like(parameter);
  }
  EXPECT_EQ(gradients_not_finite(optimizer), "");
  const auto& names = optimizer.names();
  // The third parameter and everything that backward reaches after it.
  for (size_t i = 0; i < 3; ++i) poison_(optimizer.parameters()[i].grad(), kNan);
  EXPECT_EQ(gradients_not_finite(optimizer), "'" + names[2] + "' (and of 2 more)");
  poison_(optimizer.parameters().back().grad(), kInf);
  EXPECT_THAT(gradients_not_finite(optimizer), testing::HasSubstr("'" + names.back() + "' (and"));
}

TEST(Guard, NamesTheLargestGradient) {
  auto gpt = toy_model(0);
  const AdamW optimizer(*gpt, {});
  for (auto parameter : optimizer.parameters()) {
    parameter.mutable_grad() = torch::full_like(parameter, 1e-3);
  }
  const auto gradient = gpt->final_norm()->bias.mutable_grad();
  gradient.fill_(3);
  EXPECT_THAT(largest_gradient(optimizer), testing::HasSubstr("'final_norm.bias' (norm 8.48"));
}

}  // namespace
}  // namespace gptkit
