#include "weights/config_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "models/family.h"
#include "support/support.h"
#include "weights/hugging_face_config.h"

namespace gptkit {
namespace {

using test::expect_error;

const Json& written_keys() {
  static const Json keys = [] {
    const auto path = fs::path(GPTKIT_SOURCE_DIR) / "tests/golden/config_keys.json";
    return parse_json(read_file(path), path.string());
  }();
  return keys;
}

void expect_covered(const std::string& file, std::span<const KeyRule> rules) {
  for (const auto& key : written_keys().at(file)) {
    EXPECT_TRUE(find_rule(rules, key.get<std::string>())) << file << ": " << key;
  }
  std::set<std::string_view> seen;
  for (const auto& rule : rules) {
    EXPECT_TRUE(seen.insert(rule.key).second) << file << ": " << rule.key << " has two rules";
    EXPECT_TRUE(rule.use == KeyUse::kRefused || rule.accepted.empty()) << rule.key;
  }
}

TEST(ConfigKeys, CoverWhatTransformersAndPeftWrite) {
  for (const auto* family : families()) {
    if (family->name == "gptkit") continue;  // no other program writes its files
    expect_covered(std::string(family->name), family->json_keys);
  }
  expect_covered("generation_config.json", generation_key_rules());
  expect_covered("adapter_config.json", adapter_key_rules());
}

ModelConfig read(const Json& json) { return config_from_json(json, "d/config.json"); }

Json tiny(const char* type) {
  return {{"model_type", type},       {"vocab_size", 99},
          {"hidden_size", 32},        {"num_hidden_layers", 2},
          {"num_attention_heads", 4}, {"num_key_value_heads", 2},
          {"intermediate_size", 48},  {"max_position_embeddings", 64}};
}

TEST(ConfigKeys, AnUnknownOneIsNamedInAWarning) {
  auto json = tiny("llama");
  json["residual_multiplier"] = 0.2;
  testing::internal::CaptureStderr();
  read(json);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: d/config.json: the key 'residual_multiplier' is not known and not read\n");
}

TEST(ConfigKeys, RangeErrorsNameTheFileAndItsKey) {
  const Json gpt2 = {{"model_type", "gpt2"}, {"n_embd", 32}, {"n_head", 4}};
  struct Case {
    Json base;
    const char* key;
    Json value;
    const char* message;
  };
  const Case cases[] = {
      {gpt2, "n_inner", 9007199254740992,
       "n_inner 9007199254740992 is out of range; expected 1 to"},
      {gpt2, "n_inner", 0, "n_inner 0 is out of range"},
      {gpt2, "n_head", 5, "n_embd 32 is not divisible by n_head 5"},
      {gpt2, "n_layer", 0, "n_layer 0 is out of range"},
      {gpt2, "layer_norm_epsilon", 2, "layer_norm_epsilon 2 is out of range"},
      {gpt2, "n_positions", -1, "n_positions -1 is out of range"},
      {gpt2, "hidden_size", 48, "n_embd 32 and hidden_size 48 differ"},
      {tiny("llama"), "hidden_size", 1 << 30, "hidden_size 1073741824 is out of range"},
      {tiny("llama"), "num_attention_heads", 3, "hidden_size 32 is not divisible by"},
      {tiny("llama"), "num_key_value_heads", 3, "num_attention_heads 4 is not divisible by"},
      {tiny("llama"), "head_dim", 0, "head_dim 0 is out of range"},
      {tiny("llama"), "rms_norm_eps", -1, "rms_norm_eps -1 is out of range"},
      {tiny("llama"), "rope_theta", 0, "rope_theta 0 is out of range"},
      {tiny("llama"),
       "rope_parameters",
       {{"rope_type", "linear"}, {"factor", 0.5}},
       "rope_parameters.factor 0.5 is out of range"},
      {tiny("llama"), "intermediate_size", 1e12,
       "intermediate_size 1000000000000 is out of range"}};
  for (auto [json, key, value, message] : cases) {
    json[key] = value;
    expect_error([&] { read(json); }, std::string("d/config.json: ") + message);
  }
}

TEST(ConfigKeys, WhatComputesSomethingElseIsRefusedByName) {
  struct Case {
    const char* type;
    const char* key;
    Json value;
    const char* message;
  };
  const Case cases[] = {
      {"llama", "hidden_act", "gelu", "hidden_act 'gelu' is not supported; expected silu or swish"},
      {"llama", "partial_rotary_factor", 0.5, "partial_rotary_factor 0.5"},
      {"llama",
       "rope_parameters",
       {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}},
       "rope_parameters: partial_rotary_factor 0.5"},
      {"llama", "rope_scaling", {{"type", "yarn"}, {"factor", 4}}, "rope scaling 'yarn'"},
      {"llama", "quantization_config", {{"bits", 4}}, "quantization_config {\"bits\":4}"},
      {"llama", "per_layer_config", {{"0", {{"head_dim", 4}}}}, "per_layer_config"},
      {"llama", "is_causal", false, "is_causal false"},
      {"mistral", "sliding_window", 16, "sliding_window 16 is not supported"},
      {"qwen2", "layer_types", {"full_attention", "sliding_attention"}, "sliding_window"},
      {"gpt2", "activation_function", "relu", "activation_function 'relu'"},
      {"gpt2", "scale_attn_weights", false, "scale_attn_weights false"},
      {"gpt2", "add_cross_attention", true, "add_cross_attention true"}};
  for (const auto& [type, key, value, message] : cases) {
    auto json = tiny(type);
    if (std::string(type) == "gpt2") json = {{"model_type", "gpt2"}};
    if (std::string(key) == "layer_types") json["sliding_window"] = 16;
    json[key] = value;
    expect_error([&] { read(json); }, message);
  }
}

TEST(ConfigKeys, WhatChangesNothingHereIsAccepted) {
  auto json = tiny("qwen2");
  const auto plain = read(json);
  json["sliding_window"] = 16;  // used in no block
  json["use_sliding_window"] = true;
  json["max_window_layers"] = 2;
  json["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2}};  // beyond the context
  json["attention_bias"] = true;                                // passed over
  json["repetition_penalty"] = 1.3;
  testing::internal::CaptureStderr();
  EXPECT_EQ(read(json), plain);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ConfigKeys, AnAbsentOneIsWhatTransformersTakes) {
  EXPECT_EQ(read({{"model_type", "mistral"}, {"sliding_window", nullptr}, {"num_hidden_layers", 1}})
                .feed_forward(),
            14336);
  const auto qwen2 = read({{"model_type", "qwen2"}, {"num_hidden_layers", 1}});
  EXPECT_EQ(qwen2.vocab_size, 151936);
  EXPECT_EQ(qwen2.feed_forward(), 22016);
}

TEST(ConfigKeys, TheThetaInRopeParametersComesFirst) {
  auto json = tiny("llama");
  json["rope_theta"] = 10000.0;
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
  EXPECT_EQ(read(json).rope_theta, 500000);
}

}  // namespace
}  // namespace gptkit
