#include "golden_models.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "support/support.h"

namespace gptkit {
namespace {

using test::golden_model;
using test::golden_models;

class GoldenModels : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Transformers, GoldenModels,
                         testing::Values("gpt2-odd", "gpt2-published-vocabulary", "llama-grouped",
                                         "llama-scaled-biased", "qwen2", "mistral"),
                         test::test_name);

TEST_P(GoldenModels, LogitsMatch) {
  torch::NoGradGuard no_grad;
  auto model = golden_model(GetParam());
  const auto& want = golden_models().at(GetParam());
  const auto logits = model(test::ids_of(want.at("ids")));  // (2,70,V)
  EXPECT_TRUE(torch::equal(logits.argmax(-1), test::ids_of(want.at("argmax"))));
  for (const auto& probe : want.at("probes")) {
    const auto b = probe[0].get<int64_t>(), t = probe[1].get<int64_t>(),
               v = probe[2].get<int64_t>();
    EXPECT_NEAR(logits[b][t][v].item<double>(), probe[3].get<double>(), 1e-4);
  }
}

TEST_P(GoldenModels, GreedyContinuationsMatch) {
  const auto want = golden_models().at(GetParam()).at("greedy").get<std::vector<int64_t>>();
  EXPECT_EQ(test::greedy(golden_model(GetParam()), want), want);
}

TEST_P(GoldenModels, TheConfigComesBack) {
  const auto config = golden_model(GetParam())->config();
  const auto json = config_to_json(config, "float32");
  EXPECT_EQ(config_from_json(json, "again"), config);
}

TEST(HuggingFaceConfig, RefusesWhatComputesSomethingElse) {
  const auto llama = [](const char* key, const Json& value) {
    Json json = golden_models().at("llama-grouped").at("config");
    json[key] = value;
    return json;
  };
  const std::pair<Json, const char*> bad[] = {
      {llama("hidden_act", "gelu"), "hidden_act 'gelu'"},
      {llama("rope_parameters", {{"rope_type", "yarn"}, {"factor", 4}}), "rope scaling 'yarn'"},
      {llama("model_type", "gemma"), "model_type 'gemma'"},
      {llama("partial_rotary_factor", 0.5), "partial_rotary_factor"},
      {llama("num_key_value_heads", 4),
       "num_attention_heads 6 is not divisible by num_key_value_heads 4"},
      {llama("num_attention_heads", 0), "num_attention_heads 0"},
      {llama("head_dim", 5), "rotary positions turn pairs"},
      {llama("num_hidden_layers", 1e12), "num_hidden_layers"}};
  for (const auto& [json, part] : bad) {
    test::expect_error([&] { config_from_json(json, "config.json"); }, part);
  }
  Json mistral = golden_models().at("mistral").at("config");
  mistral["sliding_window"] = 16;
  test::expect_error([&] { config_from_json(mistral, "config.json"); }, "sliding_window 16");
}

TEST(HuggingFaceConfig, ReadsBothPlacesOfRotarySettings) {
  Json json = golden_models().at("llama-scaled-biased").at("config");
  const auto config = config_from_json(json, "new");
  json["rope_scaling"] = json["rope_parameters"];
  json["rope_scaling"].erase("rope_theta");
  json["rope_theta"] = 500000.0;
  json.erase("rope_parameters");
  EXPECT_EQ(config_from_json(json, "old"), config);
  EXPECT_EQ(config.rope_factor, 8);
}

}  // namespace
}  // namespace gptkit
