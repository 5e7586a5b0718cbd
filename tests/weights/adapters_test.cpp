// Adapters of every kind that PEFT writes, against the logits of PEFT (make_adapter_golden.py).

#include <gtest/gtest.h>
#include <torch/types.h>

#include "golden_models.h"
#include "small_models.h"
#include "support/support.h"
#include "weights/bundle.h"
#include "weights/peft.h"
#include "weights/tensor_files.h"

namespace gptkit {
namespace {

using test::edit_json;
using test::expect_error;
using test::ScratchFolder;

const Json& adapters() {
  static const Json all = test::golden_file("adapters.json");
  return all;
}

/// A base folder and an adapter's folder beside it.
class Adapters : public testing::TestWithParam<const char*> {
 protected:
  void write(const std::string& name) {
    const auto& entry = adapters().at(name);
    fs::create_directories(base());
    fs::create_directories(adapter());
    LanguageModel model;
    model.gpt = test::golden_gpt(entry.at("config"), name);
    model.tokenizer = test::letters();
    save_language_model(base(), model);
    // In PEFT's order: the first pattern that fits counts.
    const auto path = fs::path(GPTKIT_SOURCE_DIR) / "tests/golden/adapters.json";
    auto config = parse_json_ordered(read_file(path), path.string()).at(name).at("adapter_config");
    config["base_model_name_or_path"] = base().string();
    write_file_atomic(adapter() / "adapter_config.json", dump_json(config));
    save_tensors(adapter() / "adapter_model.safetensors", test::golden_tensors(entry.at("shapes")));
  }
  fs::path base() const { return folder_ / "base"; }
  fs::path adapter() const { return folder_ / "adapter"; }
  void set(const char* key, const Json& value) {
    edit_json(adapter() / "adapter_config.json", [&](Json& json) { json[key] = value; });
  }
  ScratchFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(OfPeft, Adapters,
                         testing::Values("gpt2-plain", "gpt2-patterns", "gpt2-biases",
                                         "gpt2-lora-bias", "gpt2-dora", "gpt2-embedding",
                                         "gpt2-whole", "llama-layers", "llama-expression",
                                         "llama-excluded", "llama-head", "llama-dora",
                                         "qwen2-biases", "mistral-plain"),
                         test::test_name);

TEST_P(Adapters, GiveTheLogitsOfPeft) {
  torch::NoGradGuard no_grad;
  write(GetParam());
  testing::internal::CaptureStderr();
  auto model = load_language_model(adapter().string());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const auto& want = adapters().at(GetParam());
  const auto logits = model.gpt(test::ids_of(Json::array({want.at("ids")})))[0];  // (T,V)
  for (const auto& [row, at] : {std::pair{0, int64_t{2}}, std::pair{1, logits.size(0) - 1}}) {
    const auto expected =
        torch::tensor(want.at("logits").at(row).get<std::vector<double>>(), torch::kFloat64);
    EXPECT_TRUE(torch::allclose(logits[at].to(torch::kFloat64), expected, 1e-4, 1e-5))
        << (logits[at] - expected).abs().max();
  }
}

TEST_F(Adapters, InHalfPrecisionAreReadInFloat32) {
  write("gpt2-plain");
  NamedTensors halves;
  for (const auto& [name, tensor] :
       test::golden_tensors(adapters().at("gpt2-plain").at("shapes"))) {
    halves.emplace_back(name, tensor.to(torch::kBFloat16));
  }
  save_tensors(adapter() / "adapter_model.safetensors", halves);
  EXPECT_EQ(load_language_model(adapter().string()).gpt->block(0)->mlp()->up()->weight.dtype(),
            torch::kFloat32);
}

TEST_F(Adapters, OfKindsThatComputeSomethingElseAreRefusedByName) {
  write("gpt2-plain");
  const std::pair<const char*, Json> settings[] = {
      {"init_lora_weights", "pissa"},   {"layer_replication", {{0, 1}, {0, 1}}},
      {"trainable_token_indices", {1}}, {"target_parameters", {"wte"}},
      {"alora_invocation_tokens", {3}}, {"use_qalora", true},
      {"arrow_config", {{"top_k", 1}}}, {"kasa_config", {{"beta", 1}}}};
  const auto intact = read_file(adapter() / "adapter_config.json");
  for (const auto& [key, value] : settings) {
    set(key, value);
    expect_error([&] { load_language_model(adapter().string()); },
                 std::string("adapter_config.json: ") + key + " ");
    write_file_atomic(adapter() / "adapter_config.json", intact);
  }
  write("gpt2-whole");
  set("ensure_weight_tying", true);
  expect_error([&] { load_language_model(adapter().string()); }, "ensure_weight_tying true");
  set("ensure_weight_tying", false);
  set("rank_pattern", {{"(?<=h)x", 2}});
  expect_error([&] { load_language_model(adapter().string()); }, "rank_pattern: '(?<=h)x'");
}

TEST_F(Adapters, WhoseBaseIsNotThereNameTheKey) {
  write("gpt2-plain");
  set("base_model_name_or_path", "someone/model");
  expect_error([&] { load_language_model(adapter().string()); },
               "adapter_config.json: base_model_name_or_path: model 'someone/model'");
}

}  // namespace
}  // namespace gptkit
