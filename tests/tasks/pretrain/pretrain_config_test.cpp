// `model:` of pretraining: the family's choices first, then the preset's sizes, then what is set.

#include "support/support.h"
#include "tasks/pretrain/pretrain.h"

namespace gptkit {
namespace {

using test::expect_error;

ModelConfig model_of(const std::vector<std::pair<std::string, std::string>>& settings) {
  ConfigInputs inputs;
  for (const auto& [key, value] : settings) inputs.overrides.push_back({key, value, "--set"});
  ConfigOrigins origins;
  return load_pretrain_config(inputs, origins).model;
}

TEST(PretrainConfig, AFamilyAloneGivesItsChoices) {
  const auto gpt2 = model_of({});
  EXPECT_EQ(gpt2, ModelConfig{});
  // As version 0.1 had it: of Llama's parts, with biases.
  const auto llama = model_of({{"model.family", "llama"}});
  EXPECT_EQ(llama, of_family("llama"));
  EXPECT_EQ(llama.positions, PositionKind::kRotary);
  EXPECT_TRUE(llama.mlp_bias);
  const auto qwen2 = model_of({{"model.family", "qwen2"}});
  EXPECT_TRUE(qwen2.qkv_bias);
  EXPECT_FALSE(qwen2.proj_bias);
}

TEST(PretrainConfig, APresetHasItsFamilyUnlessAnotherIsSet) {
  EXPECT_EQ(model_of({{"model.preset", "smollm2-135m"}}), model_preset("smollm2-135m"));
  const auto rotary = model_of({{"model.preset", "gpt2-medium"}, {"model.family", "llama"}});
  EXPECT_EQ(rotary.n_layer, 24);
  EXPECT_EQ(rotary.norm, NormKind::kRms);
}

TEST(PretrainConfig, AChoiceOfItsOwnNeedsAFamilyThatTakesIt) {
  const auto free = model_of({{"model.family", "gptkit"},
                              {"model.positions", "sinusoidal"},
                              {"model.norm_placement", "post"}});
  EXPECT_EQ(free.positions, PositionKind::kSinusoidal);
  EXPECT_EQ(free.norm_placement, NormPlacement::kPost);
  expect_error(
      [] {
        model_of({{"model.positions", "rotary"}});
      },
      "--set: model.positions: rotary does not fit family gpt2, whose models have learned; family "
      "gptkit takes any combination");
  expect_error(
      [] {
        model_of({{"model.family", "gptkit"}, {"model.attention", "bidirectional"}});
      },
      "--set: model.attention: bidirectional does not fit pretraining");
  expect_error(
      [] {
        model_of({{"model.family", "gemma"}});
      },
      "--set: model.family: 'gemma' is not known");
}

}  // namespace
}  // namespace gptkit
