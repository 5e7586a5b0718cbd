#include "weights/peft.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "base/files.h"
#include "base/json.h"
#include "models/init.h"
#include "models/tiny_families.h"
#include "support/support.h"
#include "text/character.h"
#include "weights/bundle.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using test::tiny_config;

GPT fresh_gpt(const std::string& family) {
  torch::manual_seed(1);
  GPT gpt(tiny_config(family));
  initialize_(gpt);
  gpt->eval();
  return gpt;
}

/// A classifier whose adapters are as if trained.
Classifier adapted(const std::string& family, const LoraConfig& config) {
  Classifier classifier(fresh_gpt(family), 2, Pooling::kLastToken, /*head_bias=*/false);
  torch::manual_seed(2);
  auto head = classifier->head();
  initialize_linear_(head);
  const auto layers = make_adapter(classifier->gpt(), head, config);
  attach(layers);
  torch::NoGradGuard no_grad;
  for (const auto& [linear, lora] : layers) {
    for (auto part : lora->parts()) part.b.normal_(0, 0.3);
  }
  classifier->eval();
  return classifier;
}

torch::Tensor logits(Classifier classifier) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  const auto ids = torch::randint(50, {2, 7}, torch::kInt64);
  return classifier(ids, std::vector<int64_t>{7, 4});
}

const LoraConfig kConfig{.rank = 3, .alpha = 6};

class Peft : public testing::TestWithParam<std::string> {
 protected:
  void save(Classifier classifier) {
    save_adapter(folder_.path(), classifier->gpt(), kConfig, "base",
                 {{"score.weight", classifier->head()->weight}}, /*classifier=*/true);
  }
  Classifier load() {
    Classifier classifier(fresh_gpt(GetParam()), 2, Pooling::kLastToken, /*head_bias=*/false);
    attach(load_adapter(open_adapter(folder_.path()), classifier->gpt(), classifier->head()));
    classifier->eval();
    return classifier;
  }
  /// Changes a setting of adapter_config.json.
  void set(const std::string& key, const Json& value) {
    const auto path = folder_.path() / "adapter_config.json";
    auto json = parse_json(read_file(path), path.string());
    json[key] = value;
    write_file_atomic(path, dump_json(json));
  }
  ScratchFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(Families, Peft, testing::Values("gpt2", "llama"),
                         [](const auto& instance) {
                           return instance.param == "llama" ? "Llama" : "Gpt2";
                         });

TEST_P(Peft, SavedAndLoadedGivesTheSameLogits) {
  auto config = kConfig;
  config.targets = {"query", "key", "value", "proj", "up", "down"};
  const auto classifier = adapted(GetParam(), config);
  save(classifier);
  // GPT-2's three adapters come back as one of three times the rank: other sums.
  EXPECT_TRUE(torch::allclose(logits(load()), logits(classifier), 1e-5, 1e-6));
  EXPECT_TRUE(is_adapter(folder_.path()));
}

TEST_P(Peft, RefusesDamageInOneLine) {
  save(adapted(GetParam(), kConfig));
  const auto intact = read_file(folder_.path() / "adapter_model.safetensors");
  set("use_qalora", true);
  expect_error([&] { load(); }, "use_qalora true is not supported");
  set("use_qalora", false);
  set("r", 5);
  set("rank_pattern", Json::object());
  expect_error([&] { load(); }, "do not belong together");
  set("peft_type", "PREFIX_TUNING");
  expect_error([&] { load(); }, "PREFIX_TUNING");
  set("peft_type", "LORA");
  write_file_atomic(folder_.path() / "adapter_model.safetensors", intact.substr(0, 200));
  EXPECT_THROW(load(), Error);
}

TEST_P(Peft, RefusesAnAdapterOfAnotherModel) {
  const auto other = GetParam() == "llama" ? "gpt2" : "llama";
  save(adapted(other, kConfig));
  expect_error([&] { load(); }, "belongs to no layer of the model");
}

TEST_P(Peft, AClassifierOpensFromItsAdapterAlone) {
  TokenCounts counts;
  count_each_character("the quick brown fox jumps over lazy dogs", "test", counts);
  const auto tokenizer = train_character_tokenizer(counts, {.special_tokens = true});
  const auto base = folder_.path() / "base";
  fs::create_directory(base);
  LanguageModel plain;
  plain.gpt = fresh_gpt(GetParam());
  plain.tokenizer = tokenizer;
  save_language_model(base, plain);

  TextClassifier model;
  model.classifier = adapted(GetParam(), kConfig);
  model.labels = {"ham", "spam"};
  model.max_tokens = 9;
  model.truncate = Truncate::kLeft;
  model.pairs = true;
  model.tokenizer = tokenizer;
  save_classifier_adapter(folder_.path(), model, kConfig, "base");

  const auto opened = load_text_classifier(folder_.path().string());
  EXPECT_EQ(opened.labels, model.labels);
  EXPECT_EQ(opened.max_tokens, 9);
  EXPECT_EQ(opened.truncate, Truncate::kLeft);
  EXPECT_TRUE(opened.pairs);
  EXPECT_TRUE(torch::allclose(logits(opened.classifier), logits(model.classifier), 1e-5, 1e-6));
}

}  // namespace
}  // namespace gptkit
