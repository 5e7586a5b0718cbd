#include "base/owned_folder.h"

#include <unistd.h>

#include <fstream>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;
namespace fs = std::filesystem;

const OwnedFolder kInner{.what = "a part", .names = {{"part-#.bin"}}};
const OwnedFolder kList{.what = "a thing",
                        .names = {{"thing.json"}, {"*.log"}, {"parts", &kInner}},
                        .marks = {"thing.json"}};

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

TEST(OwnedFolder, PatternsHaveStarsAndNumbers) {
  EXPECT_TRUE(fits_pattern("model-00001-of-00002.bin", "model-#-of-#.bin"));
  EXPECT_FALSE(fits_pattern("model--of-2.bin", "model-#-of-#.bin"));
  EXPECT_FALSE(fits_pattern("model-1a-of-2.bin", "model-#-of-#.bin"));
  EXPECT_TRUE(fits_pattern("events.1.gptkit", "events.*.gptkit"));
  EXPECT_FALSE(fits_pattern("events.1.gptkit.old", "events.*.gptkit"));
  EXPECT_TRUE(fits_pattern("a", "a"));
  EXPECT_FALSE(fits_pattern("A", "a"));
}

TEST(OwnedFolder, AFolderOfOursIsReplaceable) {
  const ScratchFolder scratch;
  require_owned(scratch.path(), kList);  // empty
  touch(scratch / "thing.json");
  touch(scratch / "run.log");
  touch(scratch / "thing.json.tmp-12-0");  // a killed process left it
  touch(scratch / "parts/part-12.bin");
  require_owned(scratch.path(), kList);
}

TEST(OwnedFolder, WhatIsNotOursIsNamedUpToThree) {
  const ScratchFolder scratch;
  touch(scratch / "thing.json");
  touch(scratch / "thesis" / "chapter.txt");
  expect_error([&] { require_owned(scratch.path(), kList); }, "part of a thing: thesis; nothing");
  touch(scratch / "parts" / "photo.jpg");
  touch(scratch / ".git" / "config");
  expect_error([&] { require_owned(scratch.path(), kList); },
               ": .git, parts/photo.jpg and thesis; nothing");
  touch(scratch / "a\nb");
  expect_error([&] { require_owned(scratch.path(), kList); },
               ": .git, a\\nb, parts/photo.jpg and 1 more; nothing");
}

TEST(OwnedFolder, AnotherKindOfEntryIsNotOurs) {
  const ScratchFolder scratch;
  touch(scratch / "thing.json" / "inside");  // a folder of a file's name
  touch(scratch / "parts");                  // a file of a folder's name
  EXPECT_THAT(foreign_entries(scratch.path(), kList), ElementsAre("parts", "thing.json"));
  const ScratchFolder links;
  touch(links / "thing.json");
  fs::create_symlink(scratch / "parts", links / "run.log");
  fs::create_directory_symlink(scratch.path(), links / "parts");
  EXPECT_THAT(foreign_entries(links.path(), kList), ElementsAre("parts", "run.log"));
}

TEST(OwnedFolder, WithoutItsMarkItIsSomethingElse) {
  const ScratchFolder scratch;
  touch(scratch / "web.log");
  expect_error([&] { require_owned(scratch.path(), kList); }, "holds web.log but not a thing");
  expect_error([&] { require_owned(scratch / "web.log", kList); }, "is a file");
}

TEST(OwnedFolder, RemovingLeavesWhatIsNotOurs) {
  const ScratchFolder scratch;
  for (const char* name : {"a/thing.json", "a/x.log", "a/parts/part-1.bin"}) touch(scratch / name);
  fs::create_directory_symlink(scratch.path(), scratch / "a" / "y.log");
  remove_owned(scratch / "a", kList);
  EXPECT_THAT(foreign_entries(scratch / "a", OwnedFolder{}), ElementsAre("y.log"));
  fs::remove(scratch / "a" / "y.log");
  touch(scratch / "a" / "thing.json");
  remove_owned(scratch / "a", kList);
  EXPECT_FALSE(fs::exists(scratch / "a"));
}

TEST(OwnedFolder, SomePlacesAreNeverReplaced) {
  const ScratchFolder scratch;
  touch(scratch / "runs" / "a" / "model" / "config.json");
  fs::create_directory_symlink(scratch / "runs" / "a", scratch / "link");
  const fs::path input = scratch / "runs" / "a" / "model";
  for (const char* target : {"runs", "runs/a", "runs/a/", "runs/a/model", "runs/a/model/..", "link",
                             "link/model/../", "runs/../runs/./a"}) {
    expect_error([&] { require_replaceable_place(scratch / target, {input}); }, "is in it");
  }
  require_replaceable_place(scratch / "runs" / "a" / "model", {scratch / "runs" / "absent"});
  require_replaceable_place(scratch / "absent", {input});
  for (const char* target : {".", "/", "..", "./"}) {
    expect_error([&] { require_replaceable_place(target, {}); }, "the working folder");
  }
  const char* const before = std::getenv("HOME");
  const std::string home = before ? before : "";
  ::setenv("HOME", (scratch / "runs" / "a").c_str(), 1);
  expect_error([&] { require_replaceable_place(scratch / "link", {}); }, "the home folder");
  expect_error([&] { require_replaceable_place(scratch / "runs", {}); }, "the home folder");
  require_replaceable_place(scratch / "runs" / "a" / "model", {});
  before ? ::setenv("HOME", home.c_str(), 1) : ::unsetenv("HOME");
}

}  // namespace
}  // namespace gptkit
