#include "tasks/finetune_classify/finetuning.h"

#include "support/support.h"
#include "tasks/tiny_classifier.h"
#include "tasks/tiny_data.h"

namespace gptkit {
namespace {

using test::rows;

/// Two steps on a tiny model that is saved in the folder.
FinetuneClassifyConfig two_steps(const fs::path& folder) {
  fs::create_directories(folder / "base");
  save_language_model(folder / "base", test::tiny_language_model(/*context=*/48));
  FinetuneClassifyConfig config;
  config.model = {(folder / "base").string()};
  config.seed = 1;
  config.train.max_steps = 2;
  config.report.baselines = false;
  return config;
}

TEST(Finetuning, LeavesModelAndReportAndAFinishedRunGivesItsSummaryAgain) {
  const test::ScratchFolder folder;
  const auto config = two_steps(folder.path());
  World world;
  const ClassificationData data{
      .labels = {"calm", "loud"}, .train = rows(16), .validation = rows(6), .test = rows(4)};
  const FinetuningJob job{config, world, torch::kCPU, data};

  const auto first = finetune(job, folder / "run", RunMode::kNew, {});
  EXPECT_EQ(first.train.steps, 2);
  EXPECT_FALSE(first.train.was_finished);
  EXPECT_EQ(first.splits.at("test").rows, 4);
  EXPECT_EQ(load_text_classifier((folder / "run" / "model").string()).labels, data.labels);
  EXPECT_TRUE(fs::exists(folder / "run" / "report.html"));

  const auto again = finetune(job, folder / "run", RunMode::kResume, {});
  EXPECT_TRUE(again.train.was_finished);
  EXPECT_EQ(again.report, first.report);
}

}  // namespace
}  // namespace gptkit
