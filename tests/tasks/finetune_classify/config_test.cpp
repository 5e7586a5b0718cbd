#include "tasks/finetune_classify/config.h"

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

FinetuneClassifyConfig load(const std::string& key, const std::string& value) {
  ConfigOrigins origins;
  return load_finetune_classify_config({.files = {}, .overrides = {{key, value, "--set"}}},
                                       origins);
}

TEST(FinetuneClassifyConfig, OldNamesAreRefusedWithTheNewOnes) {
  const auto refuse = [](const std::string& before, const std::string& value,
                         const std::string& now) {
    expect_error([&] { load(before, value); }, now);
  };
  refuse("report.precision", "0.9", "'report.target_precision'");
  refuse("classifier.frozen_trunk", "off", "'classifier.frozen_backbone'");
  refuse("classifier.frozen_trunk_dtype", "bfloat16", "'classifier.frozen_backbone_dtype'");
  refuse("data.split", "[0.8, 0.1]", "data.split: {train: 0.8, validation: 0.1}");
}

TEST(FinetuneClassifyConfig, TheColumnsOfATableAreSettingsOfTheData) {
  const auto config = load("data.text_column", "body");
  EXPECT_EQ(config.data.columns.text_column, "body");
  EXPECT_EQ(load("data.quotes", "false").data.columns.quotes, false);
}

TEST(FinetuneClassifyConfig, SharesHaveNames) {
  EXPECT_EQ(load("data.split", "{train: 0.8, validation: 0.1}").data.split.train, 0.8);
  expect_error([] { load("data.split.validation", "0.5"); }, "add up to 1.2");
}

TEST(FinetuneClassifyConfig, TheDataHaveASeedOfTheirOwnOrTheRuns) {
  FinetuneClassifyConfig config;
  config.seed = 7;
  EXPECT_EQ(data_seed(config), 7u);
  config.data.seed = 9;
  EXPECT_EQ(data_seed(config), 9u);
}

}  // namespace
}  // namespace gptkit
