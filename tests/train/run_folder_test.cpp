#include "train/run_folder.h"

#include <fstream>

#include "base/log.h"
#include "support/support.h"
#include "train/run_files.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// But for the lock and leftovers, which every visit touches.
std::vector<std::string> all_below(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto name = fs::relative(entry.path(), folder).string();
    const bool touched =
        name.ends_with(".lock") || name.find(".tmp") != std::string::npos || name == ".run.log";
    if (!touched) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
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

TEST(RunFolder, OpensAnEmptyFolderAndNoForeignOne) {
  ScratchFolder scratch;
  EXPECT_FALSE(RunFolder(scratch / "new" / "deep", RunMode::kNew).resuming());
  // Again: it never began.
  EXPECT_FALSE(RunFolder(scratch / "new" / "deep", RunMode::kNew).resuming());
  touch(scratch / "run" / "notes.txt");
  expect_error([&] { RunFolder(scratch / "run", RunMode::kNew); }, "holds other files: notes.txt;");
  EXPECT_THAT(names_in(scratch / "run"), testing::ElementsAre("notes.txt"));
}

TEST(RunFolder, RefusesToResumeWhereNoRunIs) {
  ScratchFolder scratch;
  expect_error([&] { RunFolder(scratch / "run", RunMode::kResume); }, "no run to resume");
  EXPECT_FALSE(fs::exists(scratch / "run"));
  expect_error([] { RunFolder("", RunMode::kNew); }, "`out`");
}

/// A run that has all that a run can have; the list below is that of run_files().
void touch_whole_run(const fs::path& run) {
  for (const auto& file : run_files()) {
    std::string name(file.name);
    for (size_t at; (at = name.find_first_of("#*")) != std::string::npos;) name[at] = '1';
    if (!file.folder) touch(run / name);
  }
  for (const char* inside :
       {"model/config.json", "model/model.safetensors", "adapter/adapter_model.safetensors",
        "checkpoints/step-00000001/state.json", "checkpoints/step-00000002.tmp-12-0/state.json",
        "fold-1/metrics.jsonl", "fold-1/.lock", "fold-2/model/config.json", "01-a/run.log",
        "02-b/fold-1/report.html"}) {
    touch(run / inside);
  }
}

TEST(RunFolder, OverwritingRemovesAllOfARunWhenTheNewOneBegins) {
  ScratchFolder scratch;
  touch_whole_run(scratch / "run");
  const auto before = all_below(scratch / "run");
  {
    const RunFolder run(scratch / "run", RunMode::kOverwrite);
    run.write_config("seed: 2\n");
    log_info("a message");
  }
  EXPECT_EQ(all_below(scratch / "run"), before);
  EXPECT_EQ(read_file(scratch / "run" / "config.yaml"), "x");
  {
    const RunFolder run(scratch / "run", RunMode::kOverwrite);
    run.write_config("seed: 2\n");
    testing::internal::CaptureStderr();
    log_info("a first message");
    testing::internal::GetCapturedStderr();
    EXPECT_TRUE(run.replaces_a_run());
    run.begin();
    EXPECT_FALSE(run.replaces_a_run());
  }
  EXPECT_THAT(names_in(scratch / "run"), testing::ElementsAre(".lock", "config.yaml", "run.log"));
  EXPECT_EQ(read_file(scratch / "run" / "config.yaml"), "seed: 2\n");
  EXPECT_THAT(read_file(scratch / "run" / "run.log"), testing::EndsWith(" a first message\n"));
}

TEST(RunFolder, AFoldThatBeginsReplacesTheWholeRun) {
  ScratchFolder scratch;
  const auto folder = scratch / "run";
  touch_whole_run(folder);
  const auto before = all_below(folder);
  {
    const RunFolder outer(folder, RunMode::kOverwrite);
    const RunFolder fold(folder / "fold-1", outer.mode_of(folder / "fold-1"), {.outer = &outer});
    EXPECT_TRUE(fold.replaces_a_run());
  }
  EXPECT_EQ(all_below(folder), before);
  const RunFolder outer(folder, RunMode::kOverwrite);
  outer.write_config("outer");
  const RunFolder fold(folder / "fold-1", outer.mode_of(folder / "fold-1"), {.outer = &outer});
  fold.write_config("inner");
  fold.begin();
  EXPECT_TRUE(outer.begun());
  EXPECT_THAT(names_in(folder), testing::ElementsAre(".lock", "config.yaml", "fold-1"));
  EXPECT_THAT(names_in(folder / "fold-1"), testing::ElementsAre(".lock", "config.yaml"));
}

TEST(RunFolder, OnlyFoldsThatHaveBegunAreResumed) {
  ScratchFolder scratch;
  const auto folder = scratch / "run";
  touch(folder / "config.yaml");
  touch(folder / "fold-1" / "metrics.jsonl");
  touch(folder / "fold-2" / ".lock");
  const RunFolder outer(folder, RunMode::kResume);
  EXPECT_EQ(outer.mode_of(folder / "fold-1"), RunMode::kResume);
  EXPECT_EQ(outer.mode_of(folder / "fold-2"), RunMode::kNew);
  EXPECT_EQ(outer.mode_of(folder / "fold-3"), RunMode::kNew);
}

TEST(RunFolder, SaysTheCommandThatGoesOn) {
  ScratchFolder scratch;
  fs::create_directory(scratch / "it's a run");
  const RunFolder outer(scratch / "it's a run", RunMode::kNew, {.program = "pretrain"});
  EXPECT_EQ(outer.resume_command(),
            "pretrain `out` '" + scratch.path().string() + "/it'\\''s a run' `resume`");
  const RunFolder inner(outer.path() / "fold-1", RunMode::kNew, {.outer = &outer});
  EXPECT_EQ(inner.resume_command(), outer.resume_command());
}

TEST(RunFolder, WhatIsNotARunIsNotOverwritten) {
  ScratchFolder scratch;
  touch_whole_run(scratch / "run");
  for (const char* foreign :
       {"model/notes.txt", "notes.txt", "fold-1/data/x", "checkpoints/best"}) {
    touch(scratch / "run" / foreign);
    const auto before = all_below(scratch / "run");
    const auto name = std::string(foreign).substr(0, std::string(foreign).find("/x"));
    expect_error([&] { RunFolder(scratch / "run", RunMode::kOverwrite); }, ": " + name + "; ");
    EXPECT_EQ(all_below(scratch / "run"), before);
    remove_tree(scratch / "run" / name);
  }
  expect_error(
      [&] {
        RunFolder(scratch / "run", RunMode::kOverwrite,
                  {.inputs = {scratch / "run" / "model", "absent"}});
      },
      "is in it");
  touch(scratch / "other" / "config.yaml");
  expect_error([&] { RunFolder(scratch / "other", RunMode::kOverwrite); },
               "holds config.yaml but not a run");
  expect_error([&] { RunFolder(".", RunMode::kOverwrite); }, "the working folder");
}

TEST(RunFolder, AResumedRunDoesNotReplaceWhatIsNotItsOwn) {
  ScratchFolder scratch;
  touch_whole_run(scratch / "run");
  touch(scratch / "run" / "notes.txt");
  { const RunFolder fine(scratch / "run", RunMode::kResume); }
  touch(scratch / "run" / "model" / "notes.txt");
  expect_error([&] { RunFolder(scratch / "run", RunMode::kResume); },
               "holds files that are not part of it: notes.txt");
}

/// A name of the list as the guide shows it.
std::string shown_name(const RunFile& file) {
  std::string name(file.name);
  for (auto& c : name) c = c == '#' ? 'N' : c;
  return "`" + name + (file.folder ? "/`" : "`");
}

TEST(RunFiles, AreWhatTheGuideLists) {
  const auto guide = read_file(fs::path(GPTKIT_SOURCE_DIR) / "apps/guide/run-folders.md");
  const auto begin = guide.find("| file | written by | what it is |");
  ASSERT_NE(begin, std::string::npos);
  const auto table = guide.substr(begin, guide.find("\n\n", begin) + 1 - begin);
  std::string expected = "| file | written by | what it is |\n|---|---|---|\n";
  for (const auto& file : run_files()) {
    if (file.part == RunFile::Part::kInternal) continue;
    expected += concat("| ", shown_name(file), " | ", file.programs, " | ", file.what, " |\n");
  }
  EXPECT_EQ(table, expected);
}

TEST(RunFolder, OverwritingNeedsNoRun) {
  ScratchFolder scratch;
  const RunFolder run(scratch / "new", RunMode::kOverwrite);
  run.begin();
  EXPECT_THAT(names_in(scratch / "new"), testing::IsSupersetOf({".lock"}));
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
  EXPECT_EQ(read_file(scratch / "config.yaml"), kConfig);
  run.begin();
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
               "started with 'lr: 0.001' and cannot continue with 'lr: 0.002'");
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
  run.write_model([](const fs::path& folder) {
    touch(folder / "config.json");
    touch(folder / "model.safetensors");
  });
  expect_error(
      [&] {
        run.write_model([](const fs::path& folder) {
          touch(folder / "half");
          fail("disk full");
        });
      },
      "disk full");
  EXPECT_TRUE(fs::exists(scratch / "model" / "config.json"));
  EXPECT_FALSE(fs::exists(scratch / "model" / "half"));
  run.write_model([](const fs::path& folder) { touch(folder / "model.safetensors"); });
  EXPECT_FALSE(fs::exists(scratch / "model" / "config.json"));
  EXPECT_TRUE(fs::exists(scratch / "model" / "model.safetensors"));
}

}  // namespace
}  // namespace gptkit
