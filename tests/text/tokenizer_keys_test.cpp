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
  test::expect_error(
      [&] {
        check({{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", true}});
      },
      where + ": add_prefix_space true");
  testing::internal::CaptureStderr();
  check({{"tokenizer_class", "LlamaTokenizer"}, {"add_prefix_space", true}, {"use_default", 1}});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: " + where + ": the key 'use_default' is not known and not read\n");
}

}  // namespace
}  // namespace gptkit
