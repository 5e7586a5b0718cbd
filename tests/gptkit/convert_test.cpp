#include "gptkit/convert.h"

#include "gptkit/language_model.h"
#include "tiny.h"

namespace gptkit::api {
namespace {

using PublicConvert = TinyModel;

TEST_F(PublicConvert, AConvertedModelGivesTheSameLogits) {
  convert(model(), folder / "model.gguf", {.dtype = "float32"});
  const auto original = LanguageModel::load(model());
  const auto converted = LanguageModel::load((folder / "model.gguf").string());
  const auto ids = original.tokenizer().encode("The lamp");
  EXPECT_EQ(converted.logits(ids).values, original.logits(ids).values);
  EXPECT_THAT(inspect((folder / "model.gguf").string()), testing::HasSubstr("gguf"));
}

TEST_F(PublicConvert, ErrorsAreThePublicOnes) {
  expect_error([&] { convert(model(), folder / "x.gguf", {.dtype = "float31"}); }, "float31");
  expect_error([&] { convert("/nowhere", folder / "x.gguf"); }, "/nowhere");
  EXPECT_FALSE(fs::exists(folder / "x.gguf"));
}

}  // namespace
}  // namespace gptkit::api
