#include "weights/model_source.h"

#include <torch/types.h>

#include "small_models.h"
#include "support/support.h"
#include "weights/export.h"
#include "weights/hugging_face_names.h"

namespace gptkit {
namespace {

using test::edit_json;
using test::expect_error;
using test::rename_tensors;
using test::ScratchFolder;
using test::small_language_model;

torch::Tensor logits(const std::string& folder) {
  torch::NoGradGuard no_grad;
  auto model = load_language_model(folder);
  return model.gpt(torch::tensor({{1, 2, 3, 4, 5}}, torch::kInt64));
}

class StoredHead : public testing::Test {
 protected:
  /// A model saved with an untied head, and config.json made to say that it is tied.
  StoredHead() {
    save_language_model(folder_.path(), small_language_model(true, /*tied=*/false));
    before_ = logits(folder_.path().string());
    edit_json(folder_ / "config.json", [](Json& json) { json["tie_word_embeddings"] = true; });
  }
  std::string opened_and_warned() {
    testing::internal::CaptureStderr();
    source_ = open_model(folder_.path().string());
    return testing::internal::GetCapturedStderr();
  }
  ScratchFolder folder_;
  torch::Tensor before_;
  ModelSource source_;
};

TEST_F(StoredHead, WinsOverAConfigThatSaysTied) {
  const auto warning = opened_and_warned();
  EXPECT_THAT(warning, testing::HasSubstr("config.json: tie_word_embeddings is true, but"));
  EXPECT_FALSE(source_.config.tie_embeddings);
  EXPECT_TRUE(torch::equal(logits(folder_.path().string()), before_));
}

TEST_F(StoredHead, IsKeptByEveryConversion) {
  opened_and_warned();
  const auto tokenizer = open_tokenizer(source_);
  const auto again = folder_ / "again", gguf = folder_ / "model.gguf";
  fs::create_directory(again);
  export_hugging_face(source_, *tokenizer, again, DType::kFloat32);
  export_gguf(source_, *tokenizer, gguf, DType::kFloat32);
  EXPECT_FALSE(open_model(again.string()).config.tie_embeddings);
  EXPECT_TRUE(torch::equal(logits(again.string()), before_));
  EXPECT_TRUE(torch::equal(logits(gguf.string()), before_));
}

TEST_F(StoredHead, ThatIsTheEmbeddingIsTied) {
  NamedTensors tensors;
  {
    const auto map = open_tensors(shards(folder_.path(), "model.safetensors"));
    for (const auto& [name, source] : map.sources()) {
      const bool head = name == "lm_head.weight";
      // In another dtype, which holds the same values.
      tensors.emplace_back(name, head ? map.at("transformer.wte.weight").to(torch::kFloat64)
                                      : source.load().clone());
    }
  }
  save_tensors(folder_ / "model.safetensors", tensors);
  EXPECT_EQ(opened_and_warned(), "");
  EXPECT_TRUE(source_.config.tie_embeddings);
}

TEST_F(StoredHead, StandsForAMissingEmbedding) {
  rename_tensors(folder_.path(), [](const std::string& name) {
    return name == "transformer.wte.weight" ? std::string() : name;
  });
  EXPECT_EQ(opened_and_warned(), "");
  EXPECT_TRUE(torch::equal(source_.tensors.at("transformer.wte.weight"),
                           source_.tensors.at("lm_head.weight")));
  EXPECT_EQ(logits(folder_.path().string()).size(-1), before_.size(-1));
}

TEST(ModelSource, AClassifierNeedsNoVocabularyHead) {
  const auto base = small_language_model(test::llama_shape());
  TextClassifier model;
  model.tokenizer = base.tokenizer;
  model.labels = {"ham", "spam"};
  model.max_tokens = 10;
  model.classifier = Classifier(base.gpt, 2, Pooling::kLastToken, /*head_bias=*/false);
  auto head = model.classifier->head();
  initialize_linear_(head);
  ScratchFolder folder;
  save_text_classifier(folder.path(), model);
  // As transformers writes it.
  edit_json(folder / "config.json", [](Json& json) { json["tie_word_embeddings"] = false; });
  EXPECT_TRUE(torch::equal(load_text_classifier(folder.path().string()).classifier->head()->weight,
                           head->weight));
  const auto source = open_model(folder.path().string());
  const auto again = folder / "again";
  fs::create_directory(again);
  export_hugging_face(source, *open_tokenizer(source), again, DType::kFloat32);
  EXPECT_EQ(open_model(again.string()).tensors.sources().size(), source.tensors.sources().size());
}

class Prefixes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Of, Prefixes,
                         testing::Values("module.", "_orig_mod.", "module._orig_mod.", "model.",
                                         "net.backbone."),
                         [](const auto& instance) { return std::to_string(instance.index); });

TEST_P(Prefixes, OfWhatTheModelWasWrappedInAreRead) {
  for (const auto& shape : {ModelConfig{.tie_embeddings = false}, test::llama_shape()}) {
    ScratchFolder folder;
    save_language_model(folder.path(), small_language_model(shape));
    const auto before = logits(folder.path().string());
    rename_tensors(folder.path(), [](const std::string& name) { return GetParam() + name; });
    EXPECT_TRUE(torch::equal(logits(folder.path().string()), before));
  }
}

TEST(Prefixes, InsideNamesAreRead) {
  ScratchFolder folder;
  save_language_model(folder.path(), small_language_model(test::llama_shape()));
  const auto before = logits(folder.path().string());
  rename_tensors(folder.path(), [](std::string name) {
    const auto at = name.find(".self_attn");
    return at == name.npos ? name : name.insert(at, "._checkpoint_wrapped_module");
  });
  EXPECT_TRUE(torch::equal(logits(folder.path().string()), before));
}

TEST(Prefixes, ThatOnlySomeNamesHaveAreRefused) {
  for (const std::string prefix : {"module.", "net."}) {
    ScratchFolder folder;
    save_language_model(folder.path(), small_language_model(true, true));
    rename_tensors(folder.path(), [&](const std::string& name) {
      return name == "transformer.ln_f.bias" ? name : prefix + name;
    });
    expect_error([&] { open_model(folder.path().string()); }, "have different prefixes");
  }
}

}  // namespace
}  // namespace gptkit
