#include "train/run_folder.h"

#include <fstream>

#include "base/log.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

TEST(RunFolder, RefusesAFolderThatAlreadyHoldsARun) {
  for (const char* trace :
       {"metrics.jsonl", "checkpoints/step-00000001/state.json", "model/config.json"}) {
    ScratchFolder scratch;
    touch(scratch / "run" / trace);
    expect_error([&] { RunFolder(scratch / "run", RunMode::kNew); }, "already holds a run");
    EXPECT_TRUE(fs::exists(scratch / "run" / trace));
    EXPECT_FALSE(fs::exists(scratch / "run" / "run.log"));
  }
}

TEST(RunFolder, OpensAnEmptyOrForeignFolder) {
  ScratchFolder scratch;
  touch(scratch / "run" / "notes.txt");
  EXPECT_FALSE(RunFolder(scratch / "run", RunMode::kNew).resuming());
  EXPECT_FALSE(RunFolder(scratch / "new" / "deep", RunMode::kNew).resuming());
}

TEST(RunFolder, RefusesToResumeWhereNoRunIs) {
  ScratchFolder scratch;
  expect_error([&] { RunFolder(scratch / "run", RunMode::kResume); }, "no run to resume");
  EXPECT_FALSE(fs::exists(scratch / "run"));
  expect_error([] { RunFolder("", RunMode::kNew); }, "--out");
}

TEST(RunFolder, OverwritingRemovesTheRunAndNothingElse) {
  ScratchFolder scratch;
  for (const char* ours : {"metrics.jsonl", "loss.svg", "samples.txt", "config.yaml",
                           "checkpoints/step-00000001/state.json", "model/config.json"}) {
    touch(scratch / ours);
  }
  touch(scratch / "notes.txt");
  touch(scratch / "data" / "text.txt");
  const RunFolder run(scratch.path(), RunMode::kOverwrite);
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(scratch.path())) {
    const auto name = entry.path().filename().string();
    if (name != ".lock" && name != "run.log") left.push_back(name);
  }
  EXPECT_THAT(left, testing::UnorderedElementsAre("notes.txt", "data"));
}

TEST(RunFolder, OneProcessAtATime) {
  ScratchFolder scratch;
  const RunFolder first(scratch.path(), RunMode::kNew);
  expect_error([&] { RunFolder(scratch.path(), RunMode::kNew); },
               concat("in use by process ", getpid()));
}

TEST(RunFolder, APathThatIsAFileIsRefused) {
  ScratchFolder scratch;
  touch(scratch / "file");
  expect_error([&] { RunFolder(scratch / "file", RunMode::kNew); }, (scratch / "file").string());
  expect_error([&] { RunFolder(scratch / "file" / "run", RunMode::kNew); },
               (scratch / "file").string());
}

TEST(RunFolder, LeftoversOfAKilledProcessDisappear) {
  ScratchFolder scratch;
  touch(scratch / "metrics.jsonl");
  touch(scratch / "metrics.jsonl.tmp-12-3");
  touch(scratch / "checkpoints" / "step-00000001.tmp-12-3" / "state.json");
  const RunFolder run(scratch.path(), RunMode::kResume);
  EXPECT_FALSE(fs::exists(scratch / "metrics.jsonl.tmp-12-3"));
  EXPECT_TRUE(fs::is_empty(scratch / "checkpoints"));
  EXPECT_TRUE(fs::exists(scratch / "metrics.jsonl"));
}

TEST(RunFolder, MessagesGoToItsLog) {
  ScratchFolder scratch;
  const RunFolder run(scratch.path(), RunMode::kNew);
  testing::internal::CaptureStderr();
  log_info("a message for the log");
  testing::internal::GetCapturedStderr();
  EXPECT_THAT(read_file(scratch / "run.log"), testing::HasSubstr("a message for the log\n"));
}

constexpr const char* kConfig =
    "seed: 1\ntrain:\n  epochs: 2\n  lr: 0.001\ndata:\n  - a.txt\n  - b.txt\n";

/// What resuming a run of kConfig with another configuration writes; throws when it is refused.
std::string resumed_with(const std::string& yaml) {
  ScratchFolder scratch;
  touch(scratch / "metrics.jsonl");
  std::ofstream(scratch / "config.yaml") << kConfig;
  const RunFolder run(scratch.path(), RunMode::kResume);
  run.write_config(yaml);
  return read_file(scratch / "config.yaml");
}

std::string changed(std::string from, const std::string& to) {
  std::string yaml = kConfig;
  return yaml.replace(yaml.find(from), from.size(), to);
}

TEST(RunFolder, ResumesWithTheSameConfig) { EXPECT_EQ(resumed_with(kConfig), kConfig); }

TEST(RunFolder, ResumesWithAKeyThatALaterVersionAdded) {
  const auto with_more = changed("lr: 0.001", "lr: 0.001\n  new_key: 1");
  EXPECT_EQ(resumed_with(with_more), with_more);
}

TEST(RunFolder, RefusesToResumeWithAnotherConfigNamingTheLine) {
  expect_error([] { resumed_with(changed("lr: 0.001", "lr: 0.002")); },
               "started with 'lr: 0.001' and cannot go on with 'lr: 0.002'");
  expect_error([] { resumed_with(changed("seed: 1", "seed: 2")); }, "'seed: 2'");
  expect_error([] { resumed_with(changed("  - a.txt\n", "")); }, "'- a.txt'");
  expect_error([] { resumed_with(changed("  - b.txt\n", "")); }, "'- b.txt'");
  expect_error([] { resumed_with(std::string(kConfig) + "  - c.txt\n"); }, "'- c.txt'");
  expect_error([] { resumed_with(changed("epochs: 2", "lr: 2")); }, "'lr: 2'");
}

TEST(RunFolder, ARefusedConfigIsNotWritten) {
  ScratchFolder scratch;
  touch(scratch / "metrics.jsonl");
  std::ofstream(scratch / "config.yaml") << kConfig;
  const RunFolder run(scratch.path(), RunMode::kResume);
  expect_error([&] { run.write_config(changed("seed: 1", "seed: 2")); }, "seed");
  EXPECT_EQ(read_file(scratch / "config.yaml"), kConfig);
}

TEST(RunFolder, HowLongMayChangeWithAWarning) {
  testing::internal::CaptureStderr();
  const auto yaml = changed("epochs: 2", "epochs: 5");
  EXPECT_EQ(resumed_with(yaml), yaml);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::AllOf(testing::HasSubstr("'epochs: 5'"), testing::HasSubstr("'epochs: 2'")));
}

TEST(RunFolder, AModelReplacesTheOneBeforeOrLeavesIt) {
  ScratchFolder scratch;
  const RunFolder run(scratch.path(), RunMode::kNew);
  run.write_model([](const fs::path& folder) { touch(folder / "old"); });
  expect_error(
      [&] {
        run.write_model([](const fs::path& folder) {
          touch(folder / "half");
          fail("disk full");
        });
      },
      "disk full");
  EXPECT_TRUE(fs::exists(scratch / "model" / "old"));
  EXPECT_FALSE(fs::exists(scratch / "model" / "half"));
  run.write_model([](const fs::path& folder) { touch(folder / "new"); });
  EXPECT_FALSE(fs::exists(scratch / "model" / "old"));
  EXPECT_TRUE(fs::exists(scratch / "model" / "new"));
}

}  // namespace
}  // namespace gptkit
