#include "text/tokenizer_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "base/json.h"
#include "support/support.h"

namespace gptkit {
namespace {

void expect_covered(const std::string& file, std::span<const KeyRule> rules) {
  const auto path = fs::path(GPTKIT_SOURCE_DIR) / "tests/golden/config_keys.json";
  const auto lists = parse_json(read_file(path), path.string());
  for (const auto& key : lists.at(file)) {
    EXPECT_TRUE(find_rule(rules, key.get<std::string>())) << file << ": " << key;
  }
  std::set<std::string_view> seen;
  for (const auto& rule : rules) {
    EXPECT_TRUE(seen.insert(rule.key).second) << file << ": " << rule.key << " has two rules";
  }
}

TEST(TokenizerKeys, CoverWhatTransformersAndTokenizersWrite) {
  expect_covered("tokenizer_config.json", tokenizer_config_key_rules());
  expect_covered("tokenizer.json", tokenizer_json_key_rules());
}

TEST(TokenizerKeys, WhatChangesIdsIsRefusedByName) {
  test::ScratchFolder folder;
  const auto check = [&](const Json& config) {
    write_file_atomic(folder / "tokenizer_config.json", dump_json(config));
    check_tokenizer_config(folder.path());
  };
  const auto where = (folder / "tokenizer_config.json").string();
  test::expect_error(
      [&] {
        check({{"split_special_tokens", true}});
      },
      where + ": split_special_tokens true is not supported; expected false");
  testing::internal::CaptureStderr();
  check({{"tokenizer_class", "LlamaTokenizer"}, {"add_prefix_space", true}, {"use_default", 1}});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: " + where + ": the key 'use_default' is not known and not read\n");
}

TEST(TokenizerKeys, APrefixThatTheClassPutsInPlaceOfTheFilesIsRefused) {
  test::ScratchFolder folder;
  const auto where = (folder / "tokenizer_config.json").string();
  const auto refused = [&](const Json& config, const Json& pre_tokenizer, const char* model) {
    write_file_atomic(folder / "tokenizer_config.json", dump_json(config));
    write_file_atomic(folder / "config.json", dump_json(Json{{"model_type", model}}));
    try {
      check_prefix_space({{"pre_tokenizer", pre_tokenizer}, {"normalizer", nullptr}},
                         folder.path());
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(where + ": add_prefix_space is "));
      return true;
    }
    return false;
  };
  const auto bytes = [](bool prefix) {
    return Json{{"type", "Sequence"},
                {"pretokenizers", {{{"type", "ByteLevel"}, {"add_prefix_space", prefix}}}}};
  };
  const auto pieces = [](const char* scheme) {
    return Json{{"type", "Metaspace"}, {"prepend_scheme", scheme}};
  };
  const auto config = [](const char* name, bool prefix) {
    return Json{{"tokenizer_class", name}, {"add_prefix_space", prefix}};
  };
  EXPECT_TRUE(refused(config("GPT2Tokenizer", true), bytes(false), "llama"));
  EXPECT_FALSE(refused(config("GPT2Tokenizer", true), bytes(true), "llama"));
  EXPECT_TRUE(refused({{"tokenizer_class", "GPT2Tokenizer"}}, bytes(true), "gpt2")) << "default";
  EXPECT_TRUE(refused({{"add_prefix_space", true}}, bytes(false), "gpt2"));
  EXPECT_TRUE(refused(config("LlamaTokenizerFast", true), bytes(false), "qwen2"));
  EXPECT_FALSE(refused(config("LlamaTokenizerFast", true), bytes(false), "llama"));
  EXPECT_FALSE(refused(config("PreTrainedTokenizerFast", true), bytes(false), "gpt2"));
  EXPECT_FALSE(refused(config("GPT2Tokenizer", true), bytes(false), "mistral"));
  EXPECT_TRUE(refused(config("LlamaTokenizer", false), pieces("first"), "llama"));
  EXPECT_TRUE(refused(config("LlamaTokenizer", true), pieces("never"), "llama"));
  EXPECT_FALSE(refused(config("LlamaTokenizer", false), pieces("never"), "llama"));
  EXPECT_FALSE(refused(config("LlamaTokenizer", false), pieces("first"), "mistral"));
}

}  // namespace
}  // namespace gptkit
