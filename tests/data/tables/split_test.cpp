#include "data/tables/split.h"

#include "base/config/config.h"
#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

TEST(SplitShares, AddUpToOneOrLeaveARest) {
  validate(ClassificationSplit());
  validate(InstructionSplit());
  validate(SplitShares{.train = 0.85, .validation = 0.05, .test = 0.1});
  validate(SplitShares{.train = 0.9, .validation = 0.1, .test = 0.0});
  validate(SplitShares{.validation = 0.1, .test = 0.1});
}

TEST(SplitShares, RefusesSharesThatDoNotFit) {
  const auto refuse = [](const SplitShares& split, const std::string& part) {
    expect_error([&] { validate(split); }, part);
  };
  refuse({.train = 0.9, .validation = 0.2, .test = 0.1}, "add up to 1.2; expected 1");
  refuse({.train = 0.9, .validation = 0.2}, "add up to 1.1; expected at most 1");
  refuse({.train = 0.8, .validation = 0.1, .test = 0.0}, "add up to 0.9; expected 1");
  refuse({.train = 0.8}, "only one share can be the rest");
  refuse({.train = 1.0, .validation = 0.0}, "above 0 for train and validation");
  refuse({.train = 0.9, .test = 0.1}, "above 0 for train and validation");
  refuse({.train = 1.2, .validation = -0.2}, "above 0 for train and validation");
}

struct Data {
  ClassificationSplit split;
};
template <class Visitor>
void visit_fields(Data& c, Visitor&& visit) {
  visit("split", c.split, "shares");
}

TEST(SplitShares, TheListOfVersion01IsRefusedWithTheNamesOfItsParts) {
  Data data;
  const ConfigInputs inputs{.files = {}, .overrides = {{"split", "[0.5, 0.3]", "--set"}}};
  expect_error([&] { load_config(data, inputs); },
               "'split' now names its parts; write 'split: {train: 0.5, validation: 0.3}'");
}

TEST(SplitShares, AStoredConfigMayHaveTheList) {
  const ScratchFolder folder;
  write_file_atomic(folder / "config.yaml", "split: [0.5, 0.3]\n");
  Data data;
  load_config(
      data, {.files = {folder / "config.yaml"}, .overrides = {}, .stored = folder / "config.yaml"});
  EXPECT_EQ(data.split.train, 0.5);
  EXPECT_EQ(data.split.validation, 0.3);
  EXPECT_EQ(data.split.test, std::nullopt);
}

}  // namespace
}  // namespace gptkit
