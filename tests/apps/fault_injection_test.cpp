// A save that is killed at each of its system calls, or whose disk fails at any write or fsync:
// strace injects it (https://strace.io) without a change to the program.

#include <atomic>
#include <future>
#include <map>
#include <sstream>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

constexpr const char* kStrace = "/usr/bin/strace";
constexpr const char* kCalls =
    "write,pwrite64,fsync,fdatasync,ftruncate,openat,mkdir,rename,renameat,renameat2,unlink,"
    "unlinkat,rmdir";

/// The n-th call of this name that the program makes.
struct Call {
  std::string name;
  int number = 0;
};

class FaultInjection : public TinyRun {
 protected:
  void SetUp() override {
    if (!fs::exists(kStrace)) GTEST_SKIP() << "no strace here: apt-get install strace";
    const auto allowed = run(kStrace, {"-o", "/dev/null", "/bin/true"});
    if (allowed.exit_code != 0) GTEST_SKIP() << "strace is not allowed here: " << allowed.err;
    if (fs::exists(folder() / "base")) return;
    ASSERT_EQ(run("pretrain", run_arguments("whole")).exit_code, 0);
    // As it was right before the second save, which also removes the first checkpoint.
    fs::copy(folder() / "whole", folder() / "base", fs::copy_options::recursive);
    for (const char* later : {"model", "checkpoints/step-00000004"}) {
      remove_tree(folder() / "base" / later);
    }
    ASSERT_EQ(
        run("pretrain", run_arguments("first") + Arguments{"-s", "train.max_steps=2"}).exit_code,
        0);
    fs::copy(folder() / "first" / "checkpoints", folder() / "base" / "checkpoints",
             fs::copy_options::recursive);
  }

  /// A model of few tensors, so that a save has few calls.
  static Arguments run_arguments(const std::string& out) {
    Arguments arguments = pretrain_arguments(out);
    for (const char* setting :
         {"model.family=llama", "model.qkv_bias=false", "model.proj_bias=false",
          "model.mlp_bias=false", "train.schedule=constant", "train.keep_checkpoints=1"}) {
      arguments.insert(arguments.end(), {"-s", setting});
    }
    return arguments;
  }
  static Arguments resume_arguments(const std::string& out) {
    return run_arguments(out) + Arguments{"--resume"};
  }

  /// Resumes a copy of base/, named `out`, under strace.
  static ProgramResult traced(const std::string& out, const Arguments& options) {
    fs::copy(folder() / "base", folder() / out, fs::copy_options::recursive);
    return run(kStrace, Arguments{"-o", out + ".trace"} + options +
                            Arguments{std::string(GPTKIT_BIN_DIR) + "/pretrain"} +
                            resume_arguments(out));
  }

  /// The system calls of the save after step 3: from the sync of the metrics to the line after it.
  static std::vector<Call> calls_of_save() {
    EXPECT_EQ(traced("counted", {"-e", concat("trace=", kCalls)}).exit_code, 0);
    remove_tree(folder() / "counted");
    std::istringstream trace(content("counted.trace"));
    std::vector<Call> calls;
    std::map<std::string, int> numbers;
    bool saving = false;
    for (std::string line; std::getline(trace, line);) {
      const auto name = line.substr(0, line.find('('));
      const int number = ++numbers[name];
      const bool metrics = line.find("metrics.jsonl\"") != std::string::npos;
      if (metrics && line.find("O_APPEND") == std::string::npos) calls.clear(), saving = true;
      if (metrics && line.find("O_APPEND") != std::string::npos) saving = false;
      if (saving) calls.push_back({name, number});
    }
    return calls;
  }

  static void expect_a_whole_checkpoint(const std::string& out) {
    int whole = 0;
    for (const auto& entry : fs::directory_iterator(folder() / out / "checkpoints")) {
      if (entry.path().filename().string().find(".tmp-") != std::string::npos) continue;
      EXPECT_NO_THROW(verify_manifest(entry.path())) << out << ": half a checkpoint has its name";
      ++whole;
    }
    EXPECT_GE(whole, 1) << out;
  }

  static void expect_exact_resume(const std::string& out) {
    const auto resumed = run("pretrain", resume_arguments(out));
    EXPECT_EQ(resumed.exit_code, 0) << out << resumed.err;
    EXPECT_EQ(resumed.err, "") << out;  // no warning of a damaged checkpoint
    EXPECT_EQ(weights(out), weights("whole")) << out;
    const auto rows = content(out + "/metrics.jsonl");
    EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 4) << out;
  }

  /// body(call) for each, two at a time: a program mostly starts.
  template <class Body>
  static void for_each(const std::vector<Call>& calls, Body&& body) {
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i = next++; i < calls.size(); i = next++) body(calls[i]);
    };
    const auto other = std::async(std::launch::async, work);
    work();
  }
};

TEST_F(FaultInjection, ASaveKilledAtAnySystemCallLeavesAWholeCheckpoint) {
  const auto calls = calls_of_save();
  ASSERT_GT(calls.size(), 40u);
  for_each(calls, [](const Call& call) {
    const std::string out = concat("killed-", call.name, "-", call.number);
    const auto killed =
        traced(out, {"-e", "trace=" + call.name, "-e",
                     concat("inject=", call.name, ":signal=KILL:when=", call.number)});
    EXPECT_EQ(killed.exit_code, 137) << out << killed.err;
    expect_a_whole_checkpoint(out);
    // What changes a name makes another folder to go on from; of the rest every fourth will do.
    const bool names = call.name != "write" && call.name != "fsync" && call.name != "openat";
    if (names || call.number % 4 == 0) expect_exact_resume(out);
    remove_tree(folder() / out);
  });
}

TEST_F(FaultInjection, ADiskThatFailsIsAnErrorAndLeavesTheLastCheckpoint) {
  const std::map<std::string, std::pair<std::string, std::string>> faults = {
      {"write", {"ENOSPC", "No space left on device"}},
      {"pwrite64", {"ENOSPC", "No space left on device"}},
      {"fsync", {"EIO", "Input/output error"}}};
  auto calls = calls_of_save();
  std::erase_if(calls, [&](const Call& call) { return !faults.contains(call.name); });
  ASSERT_GT(calls.size(), 20u);
  for_each(calls, [&](const Call& call) {
    const auto& [code, message] = faults.at(call.name);
    const std::string out = concat("failed-", call.name, "-", call.number);
    const auto failed =
        traced(out, {"-e", "trace=" + call.name, "-e",
                     concat("inject=", call.name, ":error=", code, ":when=", call.number)});
    expect_failure(failed, 1, "pretrain", message);
    EXPECT_NE(failed.err.find(out), std::string::npos) << "it names the file: " << failed.err;
    expect_a_whole_checkpoint(out);
    if (call.number % 4 == 0) expect_exact_resume(out);
    remove_tree(folder() / out);
  });
}

TEST_F(FaultInjection, AReadOnlyFileSystemIsAnErrorBeforeTheFirstStep) {
  const auto out = (folder() / "read-only").string();
  const auto refused = run(
      kStrace, Arguments{"-o", "/dev/null", "-e", "trace=openat", "-P", out + "/.lock", "-e",
                         "inject=openat:error=EROFS", std::string(GPTKIT_BIN_DIR) + "/pretrain"} +
                   run_arguments(out));
  expect_failure(refused, 1, "pretrain", "Read-only file system");
  EXPECT_FALSE(fs::exists(folder() / "read-only" / "metrics.jsonl"));
}

class ReadOnlyFolder : public TinyRun {};

TEST_F(ReadOnlyFolder, IsAnErrorBeforeTheFirstStep) {
  // mkdir in /proc fails for root, too.
  expect_failure(pretrain("/proc/gptkit/run"), 2, "pretrain", "/proc/gptkit/run");
  if (::geteuid() == 0) return;  // to whom permissions mean nothing
  fs::create_directory(folder() / "closed");
  fs::permissions(folder() / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  expect_failure(pretrain("closed"), 1, "pretrain", "closed");
  expect_failure(pretrain("closed/run"), 2, "pretrain", "closed/run");
  fs::permissions(folder() / "closed", fs::perms::owner_all);
}

}  // namespace
}  // namespace gptkit::test
