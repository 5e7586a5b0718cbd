// Quantised matrices that reach their layers as they lie in the file.

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "base/files.h"
#include "small_models.h"
#include "support/support.h"
#include "weights/bundle.h"
#include "weights/export.h"
#include "weights/model_source.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

/// Of widths that blocks of 32 fit.
LanguageModel wide_model(const std::string& family) {
  LanguageModel model;
  model.tokenizer = test::bytes_tokenizer();
  auto config = of_family(family, {.vocab_size = 257,
                                   .context_length = 16,
                                   .n_layer = 2,
                                   .n_head = 4,
                                   .d_model = 64,
                                   .d_ff = 96,
                                   .tie_embeddings = family == "gpt2"});
  if (family != "gpt2") config.n_kv_head = 2;
  if (family == "llama") config.qkv_bias = config.proj_bias = config.mlp_bias = false;
  torch::manual_seed(4);
  model.gpt = GPT(config);
  initialize_(model.gpt);
  model.gpt->eval();
  return model;
}

class KeptQuantized : public testing::TestWithParam<std::string> {
 protected:
  /// The model as a GGUF file.
  std::string gguf(DType dtype) {
    const auto model = wide_model(GetParam());
    fs::create_directories(scratch_ / "hf");
    save_language_model(scratch_ / "hf", model);
    const auto path = scratch_ / concat(name(dtype), ".gguf");
    export_gguf(open_model((scratch_ / "hf").string()), *model.tokenizer, path, dtype);
    return path.string();
  }
  ScratchFolder scratch_;
};
INSTANTIATE_TEST_SUITE_P(Families, KeptQuantized,
                         testing::Values("gpt2", "llama", "qwen2", "mistral"),
                         [](const auto& instance) { return instance.param; });

TEST_P(KeptQuantized, GivesTheLogitsOfTheDecodedModel) {
  torch::NoGradGuard no_grad;
  const auto ids = torch::randint(257, {2, 9}, torch::kInt64);
  for (const auto dtype : {DType::kQ8_0, DType::kQ4_0}) {
    const auto file = gguf(dtype);
    auto decoded = load_language_model(file).gpt;
    auto kept = load_language_model(file, {.keep_quantized = true}).gpt;
    const auto block = kept->block(1);
    for (const auto& linear : {block->attention()->qkv(), block->attention()->proj(),
                               block->mlp()->up(), block->mlp()->down()}) {
      EXPECT_FALSE(linear->quantized().empty());
    }
    // The same values, summed in another order.
    const auto want = decoded(ids), got = kept(ids);
    EXPECT_TRUE(torch::allclose(got, want, 1e-4, 1e-4 * want.abs().max().item<double>()));
  }
}

TEST_P(KeptQuantized, IsSavedAsTheDecodedModel) {
  const auto file = gguf(DType::kQ8_0);
  for (const bool keep : {false, true}) {
    const auto folder = scratch_ / (keep ? "kept" : "decoded");
    fs::create_directories(folder);
    save_language_model(folder, load_language_model(file, {.keep_quantized = keep}));
  }
  EXPECT_EQ(read_file(scratch_ / "kept" / "model.safetensors"),
            read_file(scratch_ / "decoded" / "model.safetensors"));
}

TEST_P(KeptQuantized, ALayerInFloatsStaysOne) {
  const auto kept = load_language_model(gguf(DType::kFloat16), {.keep_quantized = true}).gpt;
  EXPECT_TRUE(kept->block(0)->mlp()->up()->quantized().empty());
  EXPECT_TRUE(kept->block(0)->mlp()->up()->weight.defined());
}

}  // namespace
}  // namespace gptkit
