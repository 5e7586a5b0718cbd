// What signals and dead processes leave: temporaries, mapped files that shrink, files that are not
// what their name says.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/descriptor.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;
using testing::HasSubstr;

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

/// The exit code of a child that runs `body`; 128 + signal when one ended it.
template <class Body>
int exit_code_of(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// The id of a process that has ended.
pid_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST(MappedFiles, OneThatShrinksIsNamedWhereverItIsNoticed) {
  const ScratchFolder folder;
  put(folder / "model", std::string(400'000, 'x'));
  const MappedFile file(folder / "model");
  EXPECT_EQ(lost_page(&folder).path, nullptr);
  check_mapped_files();
  fs::resize_file(folder / "model", 399'999);  // its last page is still there
  expect_error([] { check_mapped_files(); }, "model': it was cut short while in use");

  fs::resize_file(folder / "model", 10);
  const auto lost = lost_page(file.text().data() + 50'000);
  ASSERT_NE(lost.path, nullptr);
  EXPECT_THAT(lost.path, HasSubstr("model'"));
  EXPECT_STREQ(lost.reason, kCutShort);
  // A write from it answers EFAULT: the output is not to blame.
  expect_error([&] { write_file_atomic(folder / "out", file.text()); },
               "model': it was cut short while in use");
  EXPECT_THAT(names_in(folder.path()), ElementsAre("model"));
}

TEST(MappedFiles, OneThatIsReplacedOrGrowsIsFine) {
  const ScratchFolder folder;
  put(folder / "model", "four");
  const MappedFile file(folder / "model");
  write_file_atomic(folder / "model", "");
  check_mapped_files();
  EXPECT_EQ(file.text(), "four");
  const MappedFile empty(folder / "model");
  put(folder / "model", "more");
  check_mapped_files();
}

TEST(ReadFiles, OneThatShrinksIsNamed) {
  const ScratchFolder folder;
  const auto path = folder / "text";
  put(path, std::string(400'000, 'x'));
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  expect_error(
      [&] { read_pieces(file.get(), path, [&](std::string_view) { fs::resize_file(path, 10); }); },
      "text': it was cut short while in use");
}

TEST(StopSignals, RemoveWhatIsNotFinished) {
  const ScratchFolder folder;
  put(folder / "other.tmp-1-0", "another process's");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU}) {
    EXPECT_EQ(exit_code_of([&] {
                ::close(STDERR_FILENO);
                end_on_stop_signals("test");
                AtomicFile file(folder / "file");
                file.write(std::string(1 << 20, 'x'));
                AtomicDirectory made(folder / "made");
                fs::create_directories(made.path() / "a" / "b");
                put(made.path() / "a" / "b" / "x", "x");
                std::raise(signal);
              }),
              128 + signal);
    EXPECT_THAT(names_in(folder.path()), ElementsAre("other.tmp-1-0"));
  }
}

TEST(StopSignals, KeepWhatIsFinished) {
  const ScratchFolder folder;
  EXPECT_EQ(exit_code_of([&] {
              ::close(STDERR_FILENO);
              end_on_stop_signals("test");
              write_file_atomic(folder / "file", "x");
              AtomicDirectory made(folder / "made");
              made.commit();
              std::raise(SIGTERM);
            }),
            128 + SIGTERM);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("file", "made"));
}

TEST(StopSignals, ASecondOneRemovesWhatIsNotFinished) {
  const ScratchFolder folder;
  EXPECT_EQ(exit_code_of([&] {
              watch_stop_signals();
              std::raise(SIGINT);
              AtomicFile file(folder / "file");
              std::raise(SIGINT);
            }),
            130);
  EXPECT_THAT(names_in(folder.path()), ElementsAre());
}

TEST(StopSignals, NohupStaysIgnored) {
  EXPECT_EQ(exit_code_of([] {
              std::signal(SIGHUP, SIG_IGN);
              end_on_stop_signals("test");
              std::raise(SIGHUP);
            }),
            0);
}

TEST(Leftovers, OfDeadProcessesGoWithTheNextWriteToTheSameName) {
  const ScratchFolder folder;
  const auto named = [&](const char* name, pid_t pid) {
    return folder / concat(name, ".tmp-", pid, "-0");
  };
  const pid_t dead = dead_process();
  put(named("x", dead), "dead");
  fs::create_directories(named("y", dead) / "sub");
  put(named("y", dead) / "sub" / "z", "dead");
  put(named("x", ::getppid()), "alive");
  put(named("other", dead), "of another name");
  put(named(concat("x.tmp-", dead, "-1").c_str(), dead), "of another name");
  put(folder / concat("x.tmp-", dead, "-notes"), "no leftover");
  write_file_atomic(folder / "x", "new");
  AtomicDirectory(folder / "y").commit();
  std::vector<std::string> left = {
      "x",
      "y",
      named("x", ::getppid()).filename().string(),
      named("other", dead).filename().string(),
      named(concat("x.tmp-", dead, "-1").c_str(), dead).filename().string(),
      concat("x.tmp-", dead, "-notes")};
  std::sort(left.begin(), left.end());
  EXPECT_EQ(names_in(folder.path()), left);
}

TEST(Leftovers, WhatIsLockedBelongsToAProcessOfAnotherMachine) {
  const ScratchFolder folder;
  const auto name = folder / concat("x.tmp-", dead_process(), "-0");
  put(name, "in use");
  const Descriptor lock(::open(name.c_str(), O_RDONLY));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  write_file_atomic(folder / "x", "new");
  EXPECT_TRUE(fs::exists(name));
}

TEST(Probes, AbsenceIsNoErrorAndNotBeingAbleToLookIsOne) {
  const ScratchFolder folder;
  put(folder / "file", "x");
  fs::create_symlink("nothing", folder / "dangling");
  EXPECT_TRUE(is_there(folder / "file"));
  EXPECT_TRUE(is_regular(folder / "file"));
  EXPECT_FALSE(is_folder(folder / "file"));
  EXPECT_TRUE(is_folder(folder.path()));
  EXPECT_FALSE(is_there(folder / "no"));
  EXPECT_FALSE(is_there(folder / "dangling"));
  EXPECT_FALSE(is_there(folder / "file" / "below"));
  EXPECT_FALSE(is_there(folder / std::string(5'000, 'x')));
  fs::create_symlink("loop", folder / "loop");
  expect_error([&] { is_there(folder / "loop"); }, "loop': Too many levels of symbolic links");
  if (geteuid() == 0) return;  // root looks everywhere
  fs::create_directory(folder / "closed");
  fs::permissions(folder / "closed", fs::perms::none);
  expect_error([&] { is_there(folder / "closed" / "x"); }, "closed/x': Permission denied");
  fs::permissions(folder / "closed", fs::perms::owner_all);
}

TEST(Placeholders, AreNamedAsWhatTheyAre) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 188584\n";
  expect_error([&] { require_real_file(pointer, "m"); }, "m: this is a git-LFS pointer");
  expect_error([&] { refuse_lfs_pointer(pointer, "m"); }, "git lfs pull");
  for (const char* page :
       {"<!DOCTYPE html>\n<html>", "\n <HTML lang=en>", "<?xml version='1.0'?>"}) {
    expect_error([&] { require_real_file(page, "m"); }, "m: this is a web page");
    refuse_lfs_pointer(page, "a text");
  }
  for (const char* answer : {"Entry not found", "Repository not found", "{\"error\":\"gone\"}"}) {
    expect_error([&] { require_real_file(answer, "m"); }, "that a server sent instead");
  }
  require_real_file("", "m");
  require_real_file("{\"version\": 1}", "m");
  require_real_file("not found" + std::string(1'000, ' '), "m");
}

TEST(Placeholders, AreRecognisedByTheReaderOfJson) {
  expect_error([] { parse_json("<!doctype html><html>", "config.json"); },
               "config.json: this is a web page, not the file itself; download it again");
  expect_error([] { parse_json("version https://git-lfs.github.com/spec/v1\n", "vocab.json"); },
               "vocab.json: this is a git-LFS pointer");
  expect_error([] { parse_json("{", "a.json"); }, "a.json: invalid JSON");
}

/// The other end of a pseudo-terminal.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    if (::grantpt(master_) == 0 && ::unlockpt(master_) == 0) {
      fd_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    }
  }
  ~Terminal() {
    if (fd_ >= 0) ::close(fd_);
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  int fd() const { return fd_; }

 private:
  int master_, fd_ = -1;
};

TEST(Colours, AreForTerminalsThatHaveThem) {
  const Terminal terminal;
  if (terminal.fd() < 0) GTEST_SKIP() << "no pseudo-terminals here";
  EXPECT_EQ(exit_code_of([&] {
              const auto shows = [&](const char* term, const char* no_color) {
                ::setenv("TERM", term, 1);
                ::setenv("NO_COLOR", no_color, 1);
                return shows_colours(terminal.fd());
              };
              const bool right = shows("xterm", "") && !shows("dumb", "") && !shows("xterm", "1") &&
                                 !shows_colours(-1);
              ::_exit(right ? 0 : 1);
            }),
            0);
}

TEST(Messages, DoNotSteerTheTerminal) {
  testing::internal::CaptureStderr();
  log_info("label '\x1b[2J\xC2\x9B' of a\tfile \xC3\xA9");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "label '?[2J?' of a\tfile \xC3\xA9\n");
}

}  // namespace
}  // namespace gptkit
