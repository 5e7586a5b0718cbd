// A model that only decodes, from the files of every family and format.

#include "weights/stored_layers.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <limits>

#include "golden_models.h"
#include "nn/kv_pages.h"
#include "small_models.h"
#include "support/support.h"
#include "weights/bundle.h"
#include "weights/export.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

/// A golden model's family with widths that every format fits.
LanguageModel wide_model(const std::string& family) {
  LanguageModel model;
  model.tokenizer = test::bytes_tokenizer();
  auto config = of_family(family, {.vocab_size = 260,
                                   .context_length = 16,
                                   .n_layer = 2,
                                   .n_head = 4,
                                   .d_model = 64,
                                   .d_ff = 96,
                                   .tie_embeddings = family != "llama"});
  if (family != "gpt2") config.n_kv_head = 2;
  if (family == "llama") config.qkv_bias = config.proj_bias = config.mlp_bias = false;
  torch::manual_seed(4);
  model.gpt = GPT(config);
  initialize_(model.gpt);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model.gpt->parameters()) parameter.add_(torch::randn_like(parameter), 0.1);
  model.gpt->eval();
  return model;
}

const std::vector<int32_t> kIds = {5, 250, 3, 3, 77, 0, 259, 12, 8};

/// (T,V) of the modules.
torch::Tensor module_logits(const std::string& path) {
  torch::NoGradGuard no_grad;
  auto gpt = load_language_model(path).gpt;
  return gpt(torch::tensor(std::vector<int64_t>(kIds.begin(), kIds.end())).unsqueeze(0))[0];
}

/// (T,V) of what decodes.
torch::Tensor decoding_logits(DecodingModel& model) {
  KvPagePool pool(model.layout(), 1);
  KvSequence sequence;
  sequence.grow(pool, std::ssize(kIds));
  const DecodingModel::Chunk chunk{&sequence, kIds, std::ssize(kIds)};
  std::vector<torch::Tensor> rows;
  model.step({&chunk, 1}, [&](int64_t, int64_t, std::span<const float> logits) {
    rows.push_back(torch::tensor(at::ArrayRef<float>(logits.data(), logits.size())));
  });
  return torch::stack(rows);
}

double error_of(const torch::Tensor& got, const torch::Tensor& want) {
  return ((got - want).abs().max() / want.abs().max()).item<double>();
}

class StoredLayers : public testing::TestWithParam<std::string> {
 protected:
  ScratchFolder scratch_;

  std::string saved(const LanguageModel& model, const SaveOptions& options = {}) {
    const auto folder = scratch_ / "hf";
    fs::create_directories(folder);
    save_language_model(folder, model, options);
    return folder.string();
  }
};
INSTANTIATE_TEST_SUITE_P(Families, StoredLayers,
                         testing::Values("gpt2", "llama", "qwen2", "mistral"),
                         [](const auto& instance) { return instance.param; });

TEST_P(StoredLayers, GiveTheLogitsOfTheLoadedModel) {
  const auto model = wide_model(GetParam());
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    const auto path = saved(model, {.dtype = dtype});
    const auto opened = open_for_decoding(path, {.threads = 2});
    EXPECT_LE(error_of(decoding_logits(*opened.model), module_logits(path)), 2e-5);
    EXPECT_EQ(opened.where, path);
    EXPECT_EQ(opened.tokenizer->encode("fox"), model.tokenizer->encode("fox"));
    // Weights are multiplied as they are stored.
    const std::string format(dtype == torch::kFloat32    ? "float32"
                             : dtype == torch::kBFloat16 ? "bfloat16"
                                                         : "float16");
    EXPECT_EQ(opened.model->describe_weights(), format + ", head " + format);
  }
}

TEST_P(StoredLayers, OfGgufFilesGiveTheLogitsOfTheLoadedModel) {
  const auto folder = saved(wide_model(GetParam()));
  for (const auto dtype :
       {DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kQ8_0, DType::kQ4_0}) {
    const auto file = (scratch_ / concat(name(dtype), ".gguf")).string();
    const auto source = open_model(folder);
    export_gguf(source, *open_tokenizer(source), file, dtype);
    const auto opened = open_for_decoding(file, {});
    // Quantised weights round their inputs to 8 bits.
    const bool quantised = dtype == DType::kQ8_0 || dtype == DType::kQ4_0;
    EXPECT_LE(error_of(decoding_logits(*opened.model), module_logits(file)),
              quantised ? 3e-2 : 2e-5)
        << name(dtype);
    EXPECT_TRUE(opened.model->describe_weights().starts_with(name(dtype)));
  }
}

TEST_P(StoredLayers, TensorsThatDoNotFitAreTheSameErrorAsWhenLoaded) {
  const auto folder = saved(wide_model(GetParam()));
  std::string last;
  test::rename_tensors(folder, [&](const std::string& name) {
    if (name.find("layers.1.") != name.npos || name.find("h.1.") != name.npos) last = name;
    return name;
  });
  ASSERT_FALSE(last.empty());
  const auto both_fail_with = [&](const std::string& part) {
    expect_error([&] { load_language_model(folder); }, part);
    expect_error([&] { open_for_decoding(folder, {}); }, part);
  };
  test::rename_tensors(folder, [&](const std::string& name) { return name == last ? "" : name; });
  both_fail_with("missing: " + last);
  test::edit_json(fs::path(folder) / "config.json", [](Json& json) {
    json[json.contains("vocab_size") ? "vocab_size" : "n_vocab"] = 261;
  });
  both_fail_with(" [260, 64] instead of [261, 64]");
}

TEST_P(StoredLayers, ValuesThatAreNotFiniteAreRefusedByName) {
  const auto model = wide_model(GetParam());
  for (auto [name, view] : hugging_face_views(model.gpt)) {
    if (name.find(".0.") != name.npos) continue;  // one block is enough
    torch::NoGradGuard no_grad;
    const auto before = view.clone();
    auto last = view;  // element; some views are transposed
    while (last.dim() > 0) last = last.select(0, -1);
    last.fill_(std::numeric_limits<float>::quiet_NaN());
    const auto path = saved(model);
    expect_error([&] { open_for_decoding(path, {}); }, concat("'", name, "'"));
    expect_error([&] { open_for_decoding(path, {}); }, "holds NaN or infinity");
    view.copy_(before);
  }
}

}  // namespace
}  // namespace gptkit
