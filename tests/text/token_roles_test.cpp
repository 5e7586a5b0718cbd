#include "text/token_roles.h"

#include "base/files.h"
#include "text/text_support.h"

namespace gptkit {
namespace {

using namespace test;

/// small_model (261: "<|endoftext|>") with "<turn>" 262 and "<pad>" 263, and its files.
class TokenRolesTest : public testing::Test {
 protected:
  TokenRolesTest() {
    const std::vector<std::string> added = {"<turn>", "<pad>"};
    BpeTokenizer(small_model()).with_special_tokens(added)->save(folder_.path());
  }

  void write(const std::string& name, const std::string& content) {
    write_file_atomic(folder_ / name, content);
  }
  std::shared_ptr<const Tokenizer> tokenizer() const { return load_tokenizer(folder_.path()); }
  TokenRoles roles(const std::string& config = "{}") const {
    return read_token_roles(folder_.path(), parse_json(config, "config"), *tokenizer(), 264);
  }
  std::vector<TokenId> ends(const std::string& config = "{}") const {
    return generation_ends(roles(config), *tokenizer());
  }
  Json saved(const std::string& name) const { return parse_json(read_file(out_ / name), name); }

  ScratchFolder folder_, out_;
};

using Ids = std::vector<TokenId>;

TEST_F(TokenRolesTest, EveryEndOfGenerationConfigCounts) {
  EXPECT_EQ(ends(), Ids{261}) << "the tokenizer's own";
  EXPECT_EQ(ends(R"({"eos_token_id": 262})"), Ids{262});
  EXPECT_EQ(ends(R"({"eos_token_id": [261, 263]})"), (Ids{261, 263}));
  write("generation_config.json", R"({"temperature": 0.5})");
  EXPECT_EQ(ends(R"({"eos_token_id": 262})"), Ids{262}) << "generation_config.json does not say";
  write("generation_config.json", R"({"eos_token_id": [261, 262]})");
  EXPECT_EQ(ends(R"({"eos_token_id": 263})"), (Ids{261, 262}));
}

TEST_F(TokenRolesTest, AnEmptyEndIsNotAnAbsentOne) {
  for (const char* none : {"null", "[]"}) {
    EXPECT_EQ(ends(concat(R"({"eos_token_id": )", none, "}")), Ids{});
    write("generation_config.json", concat(R"({"eos_token_id": )", none, "}"));
    EXPECT_EQ(ends(R"({"eos_token_id": 262})"), Ids{});
    fs::remove(folder_ / "generation_config.json");
  }
}

TEST_F(TokenRolesTest, EndsOutsideTheVocabularyAreRefused) {
  expect_error([&] { ends(R"({"eos_token_id": 264})"); },
               "config.json: eos_token_id 264 is outside the vocabulary, 0 to 263");
  write("generation_config.json", R"({"eos_token_id": [261, "x"]})");
  expect_error([&] { ends(); }, "generation_config.json: eos_token_id");
}

TEST_F(TokenRolesTest, PadsAreFoundInWhicheverFileHasThem) {
  EXPECT_EQ(roles().pad, std::nullopt);
  EXPECT_EQ(roles(R"({"pad_token_id": -1})").pad, std::nullopt) << "as old files write none";
  EXPECT_EQ(roles(R"({"pad_token_id": 262})").pad, 262);
  write("generation_config.json", R"({"pad_token_id": 261})");
  EXPECT_EQ(roles(R"({"pad_token_id": 262})").pad, 261);
  write("special_tokens_map.json", R"({"pad_token": {"content": "<turn>"}})");
  EXPECT_EQ(roles().pad, 262);
  write("tokenizer_config.json", R"({"pad_token": "<pad>"})");
  EXPECT_EQ(roles().pad, 263);
}

TEST_F(TokenRolesTest, WhatTheFilesSayIsWrittenBack) {
  write("generation_config.json",
        R"({"eos_token_id": [261, 262], "pad_token_id": 263, "temperature": 0.6})");
  auto kept = roles(R"({"bos_token_id": null, "eos_token_id": 261})");
  EXPECT_EQ(generation_config_json(kept, *tokenizer()), kept.generation);
  Json config = Json::object();
  add_token_ids(kept, *tokenizer(), config);
  EXPECT_EQ(config, parse_json(R"({"bos_token_id": null, "eos_token_id": 261,
                                   "pad_token_id": 263})",
                               "config"));
  add_generation_end(kept, *tokenizer(), 262);
  EXPECT_EQ(*kept.ends, (Ids{261, 262}));
  add_generation_end(kept, *tokenizer(), 263);
  EXPECT_EQ(generation_config_json(kept, *tokenizer())["eos_token_id"], Json({261, 262, 263}));
}

TEST_F(TokenRolesTest, RolesOfAnotherFormatGetIntoTheTokenizersFiles) {
  TokenRoles roles;
  roles.begin = 262;
  roles.end = 261;
  roles.pad = 263;
  roles.ends = {{261, 262}};
  const std::vector<std::string> added = {"<turn>", "<pad>"};
  const auto made = BpeTokenizer(small_model()).with_special_tokens(added);
  made->save(out_.path());
  write_token_roles(out_.path(), roles, *made);
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto json = saved(name);
    EXPECT_EQ(json["bos_token"], "<turn>");
    EXPECT_EQ(json["eos_token"], "<|endoftext|>");
    EXPECT_EQ(json["pad_token"], "<pad>");
  }
  EXPECT_EQ(generation_config_json(roles, *made),
            parse_json(R"({"bos_token_id": 262, "eos_token_id": [261, 262], "pad_token_id": 263})",
                       "json"));
}

TEST_F(TokenRolesTest, AClassifiersFilesSayHowItsTextsAreCutAndPadded) {
  write("tokenizer_config.json", R"({"legacy": false, "padding_side": "left"})");
  tokenizer()->save(out_.path());
  write_token_roles(out_.path(), roles(), *tokenizer(), ClassifierTokens{261, 40, true});
  EXPECT_EQ(saved("tokenizer_config.json"),
            parse_json(R"({"legacy": false, "padding_side": "right", "truncation_side": "left",
                           "model_max_length": 40, "pad_token": "<|endoftext|>"})",
                       "json"));
}

}  // namespace
}  // namespace gptkit
