// The registry: every family's rules fit the modules, in both directions and without building them.

#include "models/family.h"

#include <torch/types.h>

#include <map>
#include <set>

#include "models/gpt.h"
#include "models/tensor_names.h"
#include "models/tiny_families.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

class EveryFamily : public testing::TestWithParam<std::string> {
 protected:
  ModelConfig config(bool tied) const {
    auto config = test::tiny_config(GetParam());
    config.tie_embeddings = tied;
    return config;
  }
  const Family& family() const { return *find_family(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Families, EveryFamily, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto* family : families()) names.emplace_back(family->name);
                           return names;
                         }()),
                         [](const auto& instance) { return instance.param; });

TEST_P(EveryFamily, HasTheShapesOfTheModulesWithoutBuildingThem) {
  for (const bool tied : {true, false}) {
    const GPT gpt(config(tied));
    std::map<std::string, int64_t> rows_seen;
    for (const auto& tensor : model_tensors(gpt->config())) {
      if (tensor.zeros) continue;
      const auto parameter = gpt->named_parameters()[tensor.parameter()];
      auto shape = parameter.narrow(0, tensor.begin, tensor.count);
      if (tensor.transposed()) shape = shape.t();
      EXPECT_EQ(shape.sizes().vec(), tensor.shape) << tensor.hugging_face;
      // Rules of one layer go through its rows from first to last.
      EXPECT_EQ(rows_seen[tensor.parameter()], tensor.begin) << tensor.hugging_face;
      rows_seen[tensor.parameter()] += tensor.count;
    }
    for (const auto& item : gpt->named_parameters()) {
      EXPECT_EQ(rows_seen[item.key()], item.value().size(0)) << item.key() << " has no rule";
    }
  }
}

TEST_P(EveryFamily, CallsEachTensorByANameOfItsOwnInEveryFormat) {
  std::set<std::string> hugging_face, gguf, openai;
  for (const auto& tensor : model_tensors(config(/*tied=*/false))) {
    EXPECT_TRUE(hugging_face.insert(tensor.hugging_face).second) << tensor.hugging_face;
    if (!family().gguf_architecture.empty()) {
      EXPECT_TRUE(gguf.insert(tensor.gguf).second) << tensor.hugging_face;
      EXPECT_FALSE(tensor.gguf.empty()) << tensor.hugging_face;
    }
    EXPECT_TRUE(tensor.openai.empty() || openai.insert(tensor.openai).second) << tensor.openai;
  }
}

TEST_P(EveryFamily, ComesBackFromItsJson) {
  for (const bool tied : {true, false}) {
    const auto want = config(tied);
    auto json = family().to_json(want);
    json["tie_word_embeddings"] = tied;
    EXPECT_EQ(family().from_json(json, "config.json"), want);
  }
}

TEST_P(EveryFamily, HasARuleForEveryKeyThatItWrites) {
  const auto json = family().to_json(config(true));
  for (const auto& item : json.items()) {
    EXPECT_TRUE(find_rule(family().json_keys, item.key())) << item.key();
  }
}

TEST_P(EveryFamily, NamesFieldsThatThereAre) {
  std::set<std::string> fields;
  ModelConfig config;
  visit_fields(config, [&](const char* name, auto&, const char*) { fields.insert(name); });
  for (const auto field : family().fixed) EXPECT_TRUE(fields.contains(std::string(field)));
  for (const auto& key : family().gguf_keys) EXPECT_TRUE(fields.contains(std::string(key.field)));
  for (const auto& key : family().openai_keys) EXPECT_TRUE(fields.contains(std::string(key.field)));
}

TEST_P(EveryFamily, HasValidChoicesAndPresets) {
  validate(family().choices);
  EXPECT_EQ(family().choices.family, family().name);
  for (const auto& preset : family().presets) {
    EXPECT_EQ(preset.config.family, family().name);
    EXPECT_EQ(model_preset(preset.name), preset.config);
  }
}

TEST_P(EveryFamily, CountsParametersAsTheModuleHasThem) {
  for (const bool tied : {true, false}) {
    int64_t count = 0;
    for (const auto& parameter : GPT(config(tied))->parameters()) count += parameter.numel();
    EXPECT_EQ(count, parameter_count(config(tied)));
  }
}

/// The published config.json of a preset: what it has beside the keys of every model.
void expect_published(const std::string& preset, int64_t parameters, const Json& published) {
  const auto config = model_preset(preset);
  EXPECT_EQ(parameter_count(config), parameters);
  const auto written = family_of(config).to_json(config);
  for (const auto& [key, value] : published.items()) EXPECT_EQ(written.at(key), value) << key;
}

TEST(Family, PresetsAreThePublishedModels) {
  expect_published("qwen2.5-0.5b", 494'032'768,
                   {{"hidden_size", 896},
                    {"intermediate_size", 4864},
                    {"max_position_embeddings", 32768},
                    {"num_attention_heads", 14},
                    {"num_hidden_layers", 24},
                    {"num_key_value_heads", 2},
                    {"rms_norm_eps", 1e-6},
                    {"rope_theta", 1e6},
                    {"vocab_size", 151936}});
  expect_published("mistral-7b", 7'248'023'552,
                   {{"hidden_size", 4096},
                    {"intermediate_size", 14336},
                    {"max_position_embeddings", 32768},
                    {"num_attention_heads", 32},
                    {"num_hidden_layers", 32},
                    {"num_key_value_heads", 8},
                    {"rms_norm_eps", 1e-5},
                    {"rope_theta", 1e6},
                    {"sliding_window", nullptr},
                    {"vocab_size", 32768}});
}

TEST(Family, AnUnknownOneIsRefusedNamingAll) {
  expect_error(
      [] { validate({.family = "gpt3"}); },
      "`model.family`: 'gpt3' is not known; expected gpt2, llama, mistral, qwen2 or gptkit");
  expect_error([] { model_preset("gpt3"); }, "expected gpt2, gpt2-medium");
}

TEST(Family, WhatItsFilesCannotExpressIsRefusedByName) {
  const auto refuse = [](const std::string& family, auto&& change, const std::string& message) {
    auto config = test::tiny_config(family);
    change(config);
    expect_error([&] { validate(config); }, message);
  };
  refuse(
      "gpt2", [](auto& c) { c.positions = PositionKind::kRotary; },
      "`model.positions`: rotary does not fit family gpt2, whose models have learned");
  refuse(
      "llama", [](auto& c) { c.norm = NormKind::kLayer; },
      "`model.norm`: layer does not fit family llama, whose models have rms");
  refuse(
      "mistral", [](auto& c) { c.mlp_bias = true; },
      "`model.mlp_bias`: true does not fit family mistral, whose models have false");
  refuse(
      "qwen2", [](auto& c) { c.attention = AttentionMask::kBidirectional; },
      "`model.attention`: bidirectional does not fit family qwen2");
  refuse(
      "llama", [](auto& c) { c.qkv_bias = true; },
      "biases on queries, keys and values alone are family qwen2");
  refuse(
      "gpt2", [](auto& c) { c.n_kv_head = 2; }, "leave them 0 in family gpt2");
}

TEST(Family, IsGivenToAShapeWithAllItsChoices) {
  const auto config = of_family("qwen2", {.n_layer = 3, .proj_bias = true});
  EXPECT_EQ(config.n_layer, 3);
  EXPECT_EQ(config.norm, NormKind::kRms);
  EXPECT_EQ(config.positions, PositionKind::kRotary);
  EXPECT_EQ(config.mlp, MlpKind::kSwiglu);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.proj_bias || config.mlp_bias);
}

}  // namespace
}  // namespace gptkit
