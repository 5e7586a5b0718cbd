#include "tasks/evaluate/evaluate_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "base/files.h"
#include "support/support.h"
#include "tasks/evaluate/evaluate.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::HasSubstr;

constexpr std::string_view kText =
    "The cat sat on the mat, and then the dog sat on the cat; so the cat left the mat for the dog, "
    "who did not want it. It was a fine mat.";

/// A model whose rows are whole groups and whole blocks, and a text for it.
class EvaluateFormats : public testing::Test {
 protected:
  void SetUp() override {
    LanguageModel model;
    model.tokenizer = test::bytes();
    model.gpt = test::tiny_gpt(257, 48, "gpt2", /*d_model=*/64);
    torch::NoGradGuard no_grad;
    torch::manual_seed(7);
    for (auto& parameter : model.gpt->parameters()) {
      parameter.add_(torch::randn_like(parameter), 0.1);
    }
    fs::create_directory(folder_ / "model");
    save_language_model(folder_ / "model", model);
    write_text(
        "The cat sat on the mat, and then the dog sat on the cat; so the cat left the mat "
        "for the dog, who did not want it. It was a fine mat.");
    config_.model.text = (folder_ / "model").string();
    config_.text = folder_ / "text.txt";
  }

  void write_text(std::string_view text) { write_file_atomic(folder_ / "text.txt", text); }

  /// The rows of the result by format.
  std::map<std::string, OrderedJson> measured() {
    std::map<std::string, OrderedJson> rows;
    const auto result = run_formats(config_, 1);
    for (const auto& row : result.at("formats")) {
      rows[row.at("format").get<std::string>()] = row;
    }
    return rows;
  }

  ScratchFolder folder_;
  FormatsConfig config_;
};

TEST_F(EvaluateFormats, OfTheReferenceEqualsPerplexityOfTheModules) {
  write_text(kText.substr(0, 4 * 32 + 1));  // whole windows: perplexity's last one is never shorter
  config_.formats = "float32";
  config_.context = 32;
  const auto result = run_formats(config_, 1);
  PerplexityConfig plain;
  plain.model = config_.model;
  plain.context = 32;
  const auto expected = run_perplexity(plain, {config_.text}, 1);
  EXPECT_EQ(result.at("tokens"), expected.at("tokens"));
  EXPECT_NEAR(result.at("formats")[0].at("loss").get<double>(), expected.at("loss").get<double>(),
              1e-4);
}

TEST_F(EvaluateFormats, FewerBitsAreFartherFromTheReference) {
  auto rows = measured();
  ASSERT_EQ(rows.size(), 6u);
  const auto divergence = [&](const char* format) {
    return rows.at(format).at("divergence").get<double>();
  };
  const auto bytes = [&](const char* format) { return rows.at(format).at("bytes").get<int64_t>(); };
  EXPECT_EQ(divergence("float32"), 0);
  EXPECT_EQ(rows.at("float32").at("same_top"), 1);
  EXPECT_EQ(rows.at("float32").at("perplexity_change"), 0);
  EXPECT_GT(divergence("bfloat16"), 0);
  EXPECT_GT(divergence("int8"), divergence("bfloat16"));
  EXPECT_GT(divergence("int4"), 4 * divergence("int8"));
  EXPECT_GT(divergence("q4_0"), 4 * divergence("q8_0"));
  EXPECT_LT(bytes("int8"), bytes("bfloat16"));
  EXPECT_LT(bytes("int4"), bytes("int8"));
  EXPECT_EQ(rows.at("q4_0").at("weights"), "q4_0, head q8_0");
  for (const auto& [format, row] : rows) {
    EXPECT_GT(row.at("decode_tokens_per_second").get<double>(), 0) << format;
    EXPECT_LT(row.at("divergence_error").get<double>(), row.at("divergence").get<double>() + 1e-9);
  }
}

TEST_F(EvaluateFormats, TheFirstFormatIsTheReference) {
  config_.formats = "int8,stored";
  const auto result = run_formats(config_, 1);
  EXPECT_EQ(result.at("reference"), "int8");
  EXPECT_EQ(result.at("formats")[0].at("divergence"), 0);
  EXPECT_GT(result.at("formats")[1].at("divergence").get<double>(), 0);
  EXPECT_THAT(formats_table(result), HasSubstr("against int8"));
}

TEST_F(EvaluateFormats, TokensCutTheText) {
  config_.formats = "stored";
  config_.tokens = 20;
  EXPECT_EQ(run_formats(config_, 1).at("tokens"), 19);
}

TEST_F(EvaluateFormats, RefusesWhatCannotBeMeasured) {
  const auto refused = [&](const char* part) {
    expect_error([&] { run_formats(config_, 1); }, part);
  };
  config_.formats = "float32,int3";
  refused("`formats`: 'int3' is no format; expected some of stored, float32");
  config_.formats = "float32,";
  refused("`formats`: '' is no format");
  config_.formats = "int8,int4,int8";
  refused("`formats`: int8 is given twice");
  config_.formats = "stored";
  config_.context = 49;
  refused("`context`: 49 is longer than the model's 48");
  config_.context = 0;
  config_.tokens = 1;
  refused("`tokens`: 1 is out of range");
  config_.tokens = 0;
  write_text("x");
  refused("the text has 1 token(s); at least 2");
  write_text("");
  refused("text.txt: holds no text");
  config_.text.clear();
  refused("no text; name a file with `text`");
  config_.model = {};
  refused("no model");
}

}  // namespace
}  // namespace gptkit
