#include "base/files.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "base/owned_folder.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void put(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// While it lives no file may grow beyond `bytes`: a disk that is full, for one process.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(Files, ReadsWhatWasWritten) {
  const ScratchFolder folder;
  const std::string content("a\0b\r\n\xff", 6);
  write_file_atomic(folder / "x", content);
  EXPECT_EQ(read_file(folder / "x"), content);
  EXPECT_EQ(MappedFile(folder / "x").text(), content);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("x"));
}

TEST(Files, ErrorsOfReadingNameThePathAndTheReason) {
  const ScratchFolder folder;
  const auto missing = folder / "missing.txt";
  for (const auto& read :
       {+[](const fs::path& p) { read_file(p); }, +[](const fs::path& p) { MappedFile file(p); },
        +[](const fs::path& p) { sha256_of_file(p); }}) {
    expect_error([&] { read(missing); }, "missing.txt': No such file or directory");
    expect_error([&] { read(folder.path()); }, "is a folder; expected a file");
    expect_error([&] { read(folder / "a\nb"); }, "a\\nb");
  }
  put(folder / "file", "x");
  expect_error([&] { read_file(folder / "file" / "below"); }, "Not a directory");
  try {
    read_file(missing);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
  }
}

TEST(Files, AnUnreadableFileIsAnInputError) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const ScratchFolder folder;
  put(folder / "x", "secret");
  fs::permissions(folder / "x", fs::perms::none);
  expect_error([&] { read_file(folder / "x"); }, "Permission denied");
  expect_error([&] { MappedFile file(folder / "x"); }, "Permission denied");
}

TEST(Files, AFileOverTheLimitIsRefusedUnread) {
  const ScratchFolder folder;
  put(folder / "x", "");
  fs::resize_file(folder / "x", std::uintmax_t{1} << 40);  // sparse: reading it would take hours
  expect_error([&] { read_file(folder / "x", 1000); },
               "holds 1099511627776 bytes; at most 1000 are accepted");
  expect_error([&] { read_file("/dev/zero", 1000); }, "at most 1000 are accepted");
}

TEST(MappedFile, AnEmptyFileIsAnEmptyText) {
  const ScratchFolder folder;
  put(folder / "x", "");
  const MappedFile file(folder / "x");
  EXPECT_EQ(file.size(), 0u);
  EXPECT_EQ(file.text(), "");
  EXPECT_TRUE(file.bytes().empty());
}

TEST(MappedFile, MovesWithItsViews) {
  const ScratchFolder folder;
  put(folder / "x", "one");
  put(folder / "y", "two");
  MappedFile first(folder / "x");
  const std::string_view view = first.text();
  MappedFile second(std::move(first));
  EXPECT_EQ(second.text().data(), view.data());
  second = MappedFile(folder / "y");
  EXPECT_EQ(second.text(), "two");
  EXPECT_EQ(second.path(), folder / "y");
}

TEST(MappedFile, ReadsAPipe) {
  const ScratchFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { put(pipe, "through a pipe"); });
  EXPECT_EQ(MappedFile(pipe).text(), "through a pipe");
  writer.join();
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const ScratchFolder folder;
  put(folder / "x", "old");
  {
    AtomicFile file(folder / "x");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder / "x"), "old");
  EXPECT_THAT(names_in(folder.path()), ElementsAre("x"));
}

TEST(AtomicFile, GathersSmallAndPassesLargeWrites) {
  const ScratchFolder folder;
  AtomicFile file(folder / "x");
  std::string want;
  for (const std::size_t size : {1, 100'000, 0, 200'000, 1'000'000, 3, 262'144, 262'143}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    file.write(piece);
    want += piece;
  }
  EXPECT_EQ(file.bytes_written(), want.size());
  file.commit();
  EXPECT_EQ(read_file(folder / "x"), want);
}

TEST(AtomicFile, WritesAtAPlaceBetweenOtherWrites) {
  const ScratchFolder folder;
  AtomicFile file(folder / "x");
  file.write("hello");
  file.write_at(1, "EL");
  file.write_at(8, "end");
  file.write(" or");
  file.commit();
  EXPECT_EQ(read_file(folder / "x"), "hELlo orend");
}

TEST(AtomicFile, AFullDiskIsARuntimeErrorAndKeepsTheOldFile) {
  const ScratchFolder folder;
  put(folder / "x", "old");
  for (const std::size_t size : {10'000, 300'000, 5'000'000}) {
    const FileSizeLimit limit(5000);
    expect_error([&] { write_file_atomic(folder / "x", std::string(size, 'n')); },
                 "File too large");
  }
  EXPECT_EQ(read_file(folder / "x"), "old");
  EXPECT_THAT(names_in(folder.path()), ElementsAre("x"));
  try {
    write_file_atomic("/dev/full", "x");
    ADD_FAILURE() << "/dev/full took a byte";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 1);
    EXPECT_STREQ(error.what(), "cannot write '/dev/full': No space left on device");
  }
}

TEST(AtomicFile, WritesIntoADeviceInsteadOfReplacingIt) {
  write_file_atomic("/dev/null", "gone");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(AtomicFile, KeepsTheModeOfAFileAndTheUmaskOfANewOne) {
  const ScratchFolder folder;
  put(folder / "private", "old");
  fs::permissions(folder / "private", fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomic(folder / "private", "new");
  EXPECT_EQ(fs::status(folder / "private").permissions(), fs::perms(0600));

  const mode_t before = umask(027);
  write_file_atomic(folder / "new", "x");
  umask(before);
  EXPECT_EQ(fs::status(folder / "new").permissions(), fs::perms(0640));
}

TEST(AtomicFile, FollowsALinkAndKeepsIt) {
  const ScratchFolder folder;
  fs::create_directory(folder / "real");
  put(folder / "real" / "x", "old");
  fs::create_symlink(fs::path("real") / "x", folder / "link");
  write_file_atomic(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "real" / "x"), "new");
}

TEST(AtomicFile, SaysWhatStandsInTheWay) {
  const ScratchFolder folder;
  put(folder / "file", "x");
  expect_error([&] { AtomicFile file(folder.path()); }, "it is a folder");
  expect_error([&] { AtomicFile file(folder / "no" / "x"); }, "no' does not exist");
  expect_error([&] { AtomicFile file(folder / "file" / "x"); }, "Not a directory");
  if (geteuid() == 0) return;  // root writes everywhere
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  expect_error([&] { AtomicFile file(folder / "x"); }, "Permission denied");
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(AppendLine, AddsLinesAndReportsAFullDisk) {
  const ScratchFolder folder;
  append_line(folder / "log", "one");
  append_line(folder / "log", "two");
  EXPECT_EQ(read_file(folder / "log"), "one\ntwo\n");
  expect_error([] { append_line("/dev/full", "x"); }, "No space left on device");
}

TEST(AtomicDirectory, AppearsOnlyByCommit) {
  const ScratchFolder folder;
  { put(AtomicDirectory(folder / "a").path() / "x", "dropped"); }
  EXPECT_THAT(names_in(folder.path()), ElementsAre());

  AtomicDirectory made(folder / "deep" / "b" / "");
  fs::create_directories(made.path() / "sub");
  put(made.path() / "sub" / "x", "kept");
  EXPECT_FALSE(fs::exists(folder / "deep" / "b"));
  made.commit();
  EXPECT_EQ(read_file(folder / "deep" / "b" / "sub" / "x"), "kept");
  EXPECT_THAT(names_in(folder / "deep"), ElementsAre("b"));
}

TEST(AtomicDirectory, ReplacesOnlyWhenAsked) {
  const ScratchFolder folder;
  fs::create_directory(folder / "a");
  put(folder / "a" / "old", "1");
  {
    AtomicDirectory made(folder / "a");
    put(made.path() / "new", "2");
    expect_error([&] { made.commit(); }, "already exists");
  }
  EXPECT_THAT(names_in(folder / "a"), ElementsAre("old"));
  {
    AtomicDirectory made(folder / "a");
    put(made.path() / "new", "2");
    const OwnedFolder other{.what = "a thing", .names = {{"new"}}};
    expect_error([&] { made.commit(&other); }, "holds files that are not part of a thing: old");
  }
  EXPECT_THAT(names_in(folder / "a"), ElementsAre("old"));
  {
    AtomicDirectory made(folder / "a");
    put(made.path() / "new", "2");
    const OwnedFolder list{.what = "a thing", .names = {{"new"}, {"old"}}};
    made.commit(&list);
  }
  EXPECT_THAT(names_in(folder / "a"), ElementsAre("new"));
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a"));
}

TEST(AtomicDirectory, AFileOfItsNameStaysUnlessReplaced) {
  const ScratchFolder folder;
  put(folder / "a", "a file");
  AtomicDirectory made(folder / "a");
  expect_error([&] { made.commit(); }, "already exists");
  const OwnedFolder list{.what = "a thing", .names = {{"a"}}};
  expect_error([&] { made.commit(&list); }, "is a file");
  EXPECT_EQ(read_file(folder / "a"), "a file");
}

TEST(Leftovers, AreRemovedAndNothingElse) {
  const ScratchFolder folder;
  put(folder / "x.tmp-12-0", "");
  put(folder / "notes.tmp-old", "");
  put(folder / "a.tmp-1-2.txt", "");
  fs::create_directories(folder / "step-5.tmp-7-3" / "sub");
  remove_leftovers(folder.path());
  EXPECT_THAT(names_in(folder.path()), ElementsAre("a.tmp-1-2.txt", "notes.tmp-old"));
}

TEST(Sha256, AgreesWithThePublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const ScratchFolder folder;
  put(folder / "x", std::string(1'000'000, 'a'));  // several pieces
  EXPECT_EQ(sha256_of_file(folder / "x"),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() {
    fs::create_directory(path / "sub");
    put(path / "model.bin", "weights");
    put(path / "sub" / "state", "numbers");
    write_manifest(path);
  }
  void expect_refused(const std::string& part) {
    expect_error([&] { verify_manifest(path); }, part);
  }
  void list(const std::string& name) {
    put(path / "manifest.json",
        "{\"files\": {\"" + name + "\": {\"bytes\": 0, \"sha256\": \"\"}}}");
  }

  ScratchFolder folder;
  fs::path path = folder.path();
};

TEST_F(ManifestTest, AcceptsAnUntouchedFolder) {
  verify_manifest(path);
  put(path / "stranger", "x");  // foreign files do no harm
  verify_manifest(path);
  const std::string before = read_file(path / "manifest.json");
  fs::remove(path / "stranger");
  write_manifest(path);
  EXPECT_EQ(read_file(path / "manifest.json"), before);
}

TEST_F(ManifestTest, NamesTheFileThatIsMissingShortOrChanged) {
  put(path / "model.bin", "weightz");
  expect_refused("model.bin' does not match its SHA-256");
  put(path / "model.bin", "weight");
  expect_refused("model.bin' has 6 bytes");
  fs::remove(path / "model.bin");
  expect_refused("model.bin' is missing");
}

TEST_F(ManifestTest, NeverLeavesTheFolder) {
  for (const std::string name : {"../x", "sub/../../x", "/etc/passwd", "sub/", "a\\u0000b"}) {
    list(name);
    expect_refused("would leave the folder");
  }
  put(path / "manifest.json", "[]");
  expect_refused("expected {\"files\"");
  fs::remove(path / "manifest.json");
  expect_refused("No such file or directory");
}

TEST_F(ManifestTest, FollowsNoLink) {
  fs::create_symlink("/etc", path / "out");
  list("out/passwd");
  expect_refused("is a link");
  expect_error([&] { write_manifest(path); }, "not a regular file");
}

TEST(FolderLock, TheSecondIsRefusedAndLearnsThePid) {
  const ScratchFolder folder;
  {
    const FolderLock lock(folder.path());
    expect_error([&] { FolderLock second(folder.path()); },
                 "is in use by process " + std::to_string(getpid()));
  }
  const FolderLock again(folder.path());
}

TEST(FolderLock, IsFreeOnceItsHolderWasKilled) {
  const ScratchFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FolderLock lock(folder.path());
    [[maybe_unused]] const auto n = write(ready[1], "x", 1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  expect_error([&] { FolderLock lock(folder.path()); }, "process " + std::to_string(child));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const FolderLock lock(folder.path());
  close(ready[0]);
  close(ready[1]);
}

TEST(GptkitHome, FollowsTheEnvironment) {
  const auto with = [](const char* home, const char* cache) {
    setenv("GPTKIT_HOME", home, 1);
    setenv("XDG_CACHE_HOME", cache, 1);
    return gptkit_home();
  };
  EXPECT_EQ(with("/a", "/b"), "/a");
  EXPECT_EQ(with("", "/b"), "/b/gptkit");
  EXPECT_EQ(with("", "").filename(), "gptkit");
  unsetenv("GPTKIT_HOME");
  unsetenv("XDG_CACHE_HOME");
}

TEST(RemoveTree, TakesAFolderWithAllItHoldsAndFollowsNoLink) {
  const ScratchFolder folder;
  fs::create_directories(folder / "tree/a/b");
  fs::create_directory(folder / "outside");
  write_file_atomic(folder / "tree/a/b/file", "x");
  write_file_atomic(folder / "outside/file", "x");
  fs::create_directory_symlink(folder / "outside", folder / "tree/link");
  fs::create_symlink("nowhere", folder / "tree/dangling");
  remove_tree(folder / "tree");
  EXPECT_FALSE(fs::exists(folder / "tree"));
  EXPECT_TRUE(fs::exists(folder / "outside/file"));

  EXPECT_FALSE(try_remove_tree(folder / "tree")) << "gone already";
  EXPECT_FALSE(try_remove_tree(folder / "outside/file"));
  EXPECT_FALSE(fs::exists(folder / "outside/file"));
  EXPECT_TRUE(try_remove_tree("/proc/self/stat"));
  expect_error([] { remove_tree("/proc/self/stat"); }, "cannot remove /proc/self/stat: ");
}

}  // namespace
}  // namespace gptkit
