#include "base/json.h"
#include "tiny_run.h"

namespace gptkit::test {
namespace {

/// What a run will need, without the run.
class DryRun : public TinyRun {};

TEST_F(DryRun, MeasuresTheFirstStepsAndLeavesNothing) {
  const auto dry = pretrain("dry", {"--dry-run", "--json", "-s", "train.max_steps=40"});
  ASSERT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_EQ(dry.err, "");
  EXPECT_FALSE(fs::exists(folder() / "dry"));
  const auto found = parse_json(dry.out, "dry run");
  const auto parameters = found.at("parameters").get<double>();
  EXPECT_GT(parameters, 300 * 16);
  EXPECT_EQ(found.at("weight_bytes").get<double>(), 4 * parameters);
  EXPECT_EQ(found.at("optimizer_bytes").get<double>(), 8 * parameters);
  EXPECT_GT(found.at("activation_bytes").get<double>(), 0);
  EXPECT_EQ(found.at("tokens_per_step"), 4 * 32);
  EXPECT_EQ(found.at("steps"), 40);
  EXPECT_GT(found.at("flops_per_step").get<double>(), 6 * parameters * 4 * 32);
  EXPECT_GT(found.at("tokens_per_second").get<double>(), 0);
  EXPECT_NEAR(found.at("seconds").get<double>(), 40 * found.at("seconds_per_step").get<double>(),
              1e-9);
}

TEST_F(DryRun, LeavesARunThatIsThereAsItIs) {
  const auto before = sha256_of_file(folder() / "pre" / "metrics.jsonl");
  const auto dry = pretrain("pre", {"--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_THAT(dry.out, testing::HasSubstr("memory "));
  EXPECT_THAT(dry.out, testing::HasSubstr(" tokens/s"));
  EXPECT_THAT(dry.out, testing::HasSubstr("without evaluations"));
  EXPECT_EQ(sha256_of_file(folder() / "pre" / "metrics.jsonl"), before);
}

TEST_F(DryRun, RefusesWhatARunWouldAndWhatItIsNot) {
  expect_failure(pretrain("dry", {"--dry-run", "-s", "train.lr=0"}), 2, "pretrain", "train.lr");
  expect_failure(pretrain("dry", {"--dry-run", "--resume"}), 2, "pretrain", "--resume");
  EXPECT_FALSE(fs::exists(folder() / "dry"));
}

}  // namespace
}  // namespace gptkit::test
