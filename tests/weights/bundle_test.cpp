#include "weights/bundle.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "base/files.h"
#include "base/json.h"
#include "formats/shards.h"
#include "models/init.h"
#include "small_models.h"
#include "support/support.h"
#include "tensors/tensor_map.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
#include "weights/tensor_files.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using test::small_language_model;

fs::path golden(const std::string& name) {
  return fs::path(GPTKIT_SOURCE_DIR) / "tests/golden" / name;
}

Json expected(const std::string& name) {
  return parse_json(read_file(golden(name) / "expected.json"), name);
}

torch::Tensor tensor_of(const Json& rows, torch::ScalarType dtype) {
  if (!rows.front().is_array()) {
    std::vector<double> values = rows.get<std::vector<double>>();
    return torch::tensor(values, torch::kFloat64).to(dtype);
  }
  std::vector<torch::Tensor> parts;
  for (const auto& row : rows) parts.push_back(tensor_of(row, dtype));
  return torch::stack(parts);
}

GPT golden_model(const std::string& name) {
  const auto where = (golden(name) / "config.json").string();
  GPT model(config_from_json(parse_json(read_file(where), where), where));
  load_from_hugging_face(model, open_tensors(shards(golden(name), "model.safetensors")));
  model->eval();
  return model;
}

class Golden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Gpt2, Golden, testing::Values("gpt2-tiny", "gpt2-tiny-untied"),
                         [](const auto& instance) {
                           return instance.index == 0 ? "Tied" : "Untied";
                         });

TEST_P(Golden, LogitsLossAndGradientsMatchTransformers) {
  auto model = golden_model(GetParam());
  const auto want = expected(GetParam());
  const auto ids = tensor_of(want.at("ids"), torch::kInt64);
  const auto logits = model(ids);
  EXPECT_TRUE(torch::allclose(logits, tensor_of(want.at("logits"), torch::kFloat32), 1e-4, 1e-4));

  const auto loss =
      at::cross_entropy_loss(logits.slice(1, 0, -1).flatten(0, 1), ids.slice(1, 1).flatten());
  EXPECT_NEAR(loss.item<double>(), want.at("loss").get<double>(), 1e-4);
  loss.backward();
  const auto sum = [](const torch::Tensor& gradient) {
    return gradient.abs().sum().item<double>();
  };
  const auto& sums = want.at("gradient_sums");
  const auto block = model->block(1);
  const std::pair<const char*, torch::Tensor> pairs[] = {
      {"transformer.wte.weight", model->token_embedding()->weight},
      {"transformer.wpe.weight", model->position_embedding()->weight},
      {"transformer.h.1.attn.c_attn.weight", block->attention()->qkv()->weight},
      {"transformer.h.1.attn.c_attn.bias", block->attention()->qkv()->bias},
      {"transformer.h.1.attn.c_proj.weight", block->attention()->proj()->weight},
      {"transformer.h.1.mlp.c_fc.weight", block->mlp()->up()->weight},
      {"transformer.h.1.mlp.c_proj.bias", block->mlp()->down()->bias},
      {"transformer.h.1.ln_2.weight", block->norm2()->weight},
      {"transformer.ln_f.bias", model->final_norm()->bias}};
  for (const auto& [name, parameter] : pairs) {
    const double want_sum = sums.at(name).get<double>();
    EXPECT_NEAR(sum(parameter.grad()), want_sum, 1e-3 * want_sum + 1e-5) << name;
  }
}

TEST_P(Golden, GreedyContinuationMatchesTransformers) {
  torch::NoGradGuard no_grad;
  auto model = golden_model(GetParam());
  const auto want = expected(GetParam()).at("greedy").get<std::vector<int64_t>>();
  std::vector<int64_t> got(want.begin(), want.begin() + 4);
  KvCache cache(cache_shape(model->config()), 1, 37, torch::kFloat32);
  auto ids = torch::tensor(got, torch::kInt64).unsqueeze(0);
  while (got.size() < want.size()) {
    const auto logits = model(ids, &cache);
    got.push_back(logits[0][-1].argmax().item<int64_t>());
    ids = torch::tensor({got.back()}, torch::kInt64).unsqueeze(0);
  }
  EXPECT_EQ(got, want);
}

TEST(HuggingFaceNames, AClassifierOfTransformersGivesItsLogits) {
  torch::NoGradGuard no_grad;
  const auto where = golden("gpt2-tiny-classifier");
  const auto want = expected("gpt2-tiny-classifier");
  const auto tensors = open_tensors(shards(where, "model.safetensors"));
  const auto config_file = (where / "config.json").string();
  GPT gpt(config_from_json(parse_json(read_file(config_file), config_file), config_file));
  load_from_hugging_face(gpt, tensors, {"score.weight"});
  Classifier classifier(gpt, 3, Pooling::kLastToken, false);
  classifier->head()->weight.copy_(tensors.at("score.weight"));
  classifier->eval();
  const auto logits = classifier(tensor_of(want.at("ids"), torch::kInt64),
                                 want.at("lengths").get<std::vector<int64_t>>());
  EXPECT_TRUE(torch::allclose(logits, tensor_of(want.at("logits"), torch::kFloat32), 1e-4, 1e-4));
}

TEST(HuggingFaceNames, WritesWhatItReads) {
  auto model = golden_model("gpt2-tiny");
  const auto original = open_tensors(shards(golden("gpt2-tiny"), "model.safetensors"));
  for (const auto& [name, tensor] : hugging_face_tensors(model)) {
    EXPECT_TRUE(torch::equal(tensor, original.at(name))) << name;
  }
}

TEST(HuggingFaceNames, ListsEverythingThatDoesNotFit) {
  auto model = golden_model("gpt2-tiny");
  ScratchFolder scratch;
  auto tensors = hugging_face_tensors(model);
  tensors[0].second = tensors[0].second.slice(0, 0, 5);
  tensors.pop_back();
  tensors.emplace_back("transformer.h.9.extra", torch::zeros({2}));
  save_tensors(scratch / "model.safetensors", tensors);
  const auto map = open_tensors({scratch / "model.safetensors"});
  for (const char* part :
       {"missing: transformer.ln_f.bias", "transformer.wte.weight [5, 24] instead of [61, 24]",
        "unexpected: transformer.h.9.extra"}) {
    expect_error([&] { load_from_hugging_face(model, map); }, part);
  }
}

TEST(HuggingFaceNames, RefusesConfigurationsThatComputeSomethingElse) {
  const std::pair<Json, const char*> bad[] = {
      {{{"model_type", "bert"}}, "model_type 'bert'"},
      {{{"activation_function", "relu"}}, "activation_function 'relu'"},
      {{{"scale_attn_by_inverse_layer_idx", true}}, "scale_attn_by_inverse_layer_idx"},
      {{{"n_embd", 10}, {"n_head", 3}}, "n_embd 10 is not divisible by n_head 3"},
      {{{"n_layer", 1e30}}, "n_layer"},
      {{{"n_layer", -3}}, "n_layer"}};
  for (const auto& [json, part] : bad) {
    expect_error([&] { config_from_json(json, "config.json"); }, part);
  }
}

TEST(Bundle, ALanguageModelComesBackBitForBit) {
  torch::NoGradGuard no_grad;
  for (const bool bias : {true, false}) {
    for (const bool tied : {true, false}) {
      const auto model = small_language_model(bias, tied);
      ScratchFolder scratch;
      save_language_model(scratch.path(), model);
      const auto again = load_language_model(scratch.path().string());
      auto before = model.gpt, after = again.gpt;
      const auto ids = torch::tensor({{1, 2, 3, 4, 5}}, torch::kInt64);
      EXPECT_TRUE(torch::equal(before(ids), after(ids)));
      EXPECT_EQ(again.tokenizer->encode("fox"), model.tokenizer->encode("fox"));
      EXPECT_EQ(again.gpt->config().qkv_bias, bias);
    }
  }
}

TEST(Bundle, AClassifiersBiasSurvivesInTheFinalNorm) {
  torch::NoGradGuard no_grad;
  const auto base = small_language_model(true, true);
  TextClassifier model;
  model.tokenizer = base.tokenizer;
  model.labels = {"ham", "spam"};
  model.max_tokens = 10;
  model.pad_id = *base.tokenizer->end_of_text();
  model.classifier = Classifier(base.gpt, 2, Pooling::kLastToken, /*head_bias=*/true);
  auto head = model.classifier->head();
  initialize_linear_(head);
  model.classifier->eval();
  ScratchFolder scratch;
  save_text_classifier(scratch.path(), model);
  const auto again = load_text_classifier(scratch.path().string());
  const auto ids = torch::tensor({{3, 1, 4, 1, 5}}, torch::kInt64);
  const std::vector<int64_t> length = {5};
  auto before = model.classifier, after = again.classifier;
  // The bias went through W^T (W W^T)^-1 in float64 and back to float32.
  EXPECT_TRUE(torch::allclose(before(ids, length), after(ids, length), 1e-4, 1e-5));
  EXPECT_EQ(again.labels, model.labels);
  EXPECT_EQ(again.max_tokens, 10);
}

TEST(Bundle, SaysWhatIsWrongWithAFolder) {
  ScratchFolder scratch;
  expect_error([&] { load_language_model((scratch / "nowhere").string()); },
               "no such file or folder");
  expect_error([&] { load_language_model(scratch.path().string()); }, "no config.json");
  const auto model = small_language_model(true, true);
  save_language_model(scratch.path(), model);
  expect_error([&] { load_text_classifier(scratch.path().string()); }, "without a class head");
  auto broken = small_language_model(true, true);
  {
    torch::NoGradGuard no_grad;
    broken.gpt->final_norm()->weight[3] = std::numeric_limits<float>::quiet_NaN();
  }
  ScratchFolder other;
  save_language_model(other.path(), broken);
  expect_error([&] { load_language_model(other.path().string()); }, "NaN");
}

TEST(TensorMap, RefusesATensorInTwoFiles) {
  ScratchFolder scratch;
  save_tensors(scratch / "a.safetensors", {{"x", torch::zeros({2})}});
  save_tensors(scratch / "b.safetensors", {{"x", torch::zeros({2})}});
  expect_error(
      [&] {
        open_tensors({scratch / "a.safetensors", scratch / "b.safetensors"});
      },
      "in two files");
}

}  // namespace
}  // namespace gptkit
