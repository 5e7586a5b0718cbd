#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Programs that train in several processes, as --nproc, torchrun or a hand starts them.
class Distributed : public TinyRun {
 protected:
  /// Rows enough for every rank; --nproc and what is special come behind.
  static Arguments training(const std::string& out, const Arguments& more = {}) {
    return pretrain_arguments(out) +
           Arguments{"-s", "train.max_steps=8",       "-s", "train.global_batch_size=12",
                     "-s", "train.eval_every=3",      "-s", "train.eval_batches=3",
                     "-s", "train.checkpoint_every=4"} +
           more;
  }
  static Arguments endless(const std::string& out, const Arguments& more = {}) {
    return training(out, Arguments{"-s", "train.max_steps=0", "-s", "train.epochs=100000", "-s",
                                   "train.eval_every=0"} +
                             more);
  }
  static ProgramResult train(const std::string& out, const Arguments& more = {}) {
    auto result = run("pretrain", training(out, more));
    EXPECT_EQ(result.exit_code, 0) << out << ": " << result.err;
    return result;
  }
  static std::vector<Json> rows(const std::string& out) {
    std::vector<Json> all;
    const auto path = folder() / out / "metrics.jsonl";
    if (!fs::exists(path)) return all;
    const auto text = read_file(path);
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      all.push_back(parse_json(text.substr(begin, end - begin), "metrics.jsonl"));
    }
    return all;
  }
  /// What was measured, up to sums of float32 in another order.
  static void expect_same_course(const std::string& out, const std::string& reference,
                                 std::set<std::string> but = {}) {
    but.insert({"tokens_per_second", "seconds"});
    const auto found = rows(out), wanted = rows(reference);
    ASSERT_EQ(found.size(), wanted.size()) << out;
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const auto& [key, value] : wanted[i].items()) {
        if (but.contains(key)) continue;
        ASSERT_TRUE(found[i].contains(key)) << out << " step " << i << " has no " << key;
        const double want = value.get<double>();
        EXPECT_NEAR(found[i].at(key).get<double>(), want, 2e-5 * std::abs(want) + 1e-9)
            << out << " step " << i << " " << key;
      }
    }
  }
};

TEST_F(Distributed, AnyNumberOfProcessesAndMicroBatchesGivesTheLossesOfOne) {
  train("one");
  ASSERT_EQ(rows("one").size(), 8u);
  for (const char* processes : {"2", "3", "4"}) {
    const auto out = concat("many-", processes);
    const auto result = train(out, {"--nproc", processes});
    EXPECT_THAT(result.out, HasSubstr("trained  8 steps")) << "rank 0 has the results";
    EXPECT_EQ(result.err, "");
    expect_same_course(out, "one");
  }
  // Evaluations go by micro batches, so their means are over others.
  for (const auto& [processes, micro] :
       {std::pair{"1", "3"}, std::pair{"2", "1"}, std::pair{"2", "6"}, std::pair{"3", "2"}}) {
    const auto out = concat("micro-", processes, "-", micro);
    train(out, {"--nproc", processes, "-s", concat("train.micro_batch_size=", micro)});
    expect_same_course(out, "one", {"train_loss", "val_loss"});
  }
}

TEST_F(Distributed, MoreProcessesThanRowsStillGiveTheLossesOfOne) {
  const Arguments rows_of_two = {"-s", "train.global_batch_size=2", "-s",
                                 "train.micro_batch_size=2"};
  train("two-rows", rows_of_two);
  train("two-rows-three", rows_of_two + Arguments{"--nproc", "3"});
  expect_same_course("two-rows-three", "two-rows");
}

TEST_F(Distributed, FinetuningInSeveralProcessesGivesTheSame) {
  const Arguments common = {"-q",
                            "--threads",
                            "1",
                            "--model",
                            "pre/model",
                            "-s",
                            "train.max_steps=5",
                            "-s",
                            "train.micro_batch_size=2",
                            "-s",
                            "train.global_batch_size=6",
                            "-s",
                            "train.eval_every=2"};
  const Arguments classify = common + Arguments{"-s", "data.train=" + quickstart("messages.tsv"),
                                                "-s", "classifier.max_tokens=8"};
  const Arguments instruct =
      common + Arguments{"-s", "data.train=" + quickstart("instructions.json"),
                         "-s", "instruct.prompt_style=plain",
                         "-s", "instruct.mask_prompt=true",
                         "-s", "responses.count=2",
                         "-s", "responses.max_new_tokens=2"};
  for (const auto& [program, arguments] :
       {std::pair{"finetune-classify", classify}, std::pair{"finetune-instruct", instruct}}) {
    const std::string one = std::string(program) + "-1", two = std::string(program) + "-2";
    const auto alone = run(program, arguments + Arguments{"--out", one});
    ASSERT_EQ(alone.exit_code, 0) << alone.err;
    const auto both = run(program, arguments + Arguments{"--out", two, "--nproc", "2"});
    ASSERT_EQ(both.exit_code, 0) << both.err;
    expect_same_course(two, one);
  }
  EXPECT_TRUE(fs::exists(folder() / "finetune-classify-2" / "report.json"));
  EXPECT_TRUE(fs::exists(folder() / "finetune-instruct-2" / "responses.json"));
}

TEST_F(Distributed, AShardedOptimizerGivesTheSameWeights) {
  const Arguments sharded = {"-s", "train.shard_optimizer=true"};
  for (const char* processes : {"1", "2", "3"}) {
    const auto plain = std::string("plain-") + processes, shard = std::string("shard-") + processes;
    train(plain, {"--nproc", processes});
    train(shard, sharded + Arguments{"--nproc", processes});
    expect_same_course(shard, plain);
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      const auto name = concat("/checkpoints/step-00000008/", file);
      EXPECT_EQ(content(plain + name).size(), content(shard + name).size()) << name;
    }
  }
}

TEST_F(Distributed, ACheckpointResumesOnAnotherNumberOfProcesses) {
  train("course");
  struct Way {
    const char *before, *after, *sharded_before, *sharded_after;
  };
  for (const auto& way : {Way{"2", "1", "true", "false"}, Way{"1", "3", "false", "true"},
                          Way{"3", "2", "false", "false"}, Way{"2", "3", "true", "true"}}) {
    const auto out = concat("moved-", way.before, "-", way.after);
    train(out, {"--nproc", way.before, "-s", concat("train.shard_optimizer=", way.sharded_before)});
    // As if it had been killed after the checkpoint of step 4.
    remove_tree(folder() / out / "checkpoints" / "step-00000008");
    train(out, {"--resume", "--nproc", way.after, "-s",
                concat("train.shard_optimizer=", way.sharded_after)});
    expect_same_course(out, "course");
  }
}

TEST_F(Distributed, ResumesBitForBitOnAsManyProcessesWithDropout) {
  const Arguments two = {"--nproc", "2", "-s", "model.dropout=0.2"};
  train("whole", two);
  train("again", two);
  EXPECT_EQ(weights("again"), weights("whole"));
  train("halved", two);
  remove_tree(folder() / "halved" / "checkpoints" / "step-00000008");
  remove_tree(folder() / "halved" / "model");
  train("halved", two + Arguments{"--resume"});
  EXPECT_EQ(weights("halved"), weights("whole"));
}

/// A program under way.
class Running {
 public:
  Running(const fs::path& folder, const std::string& path, const Arguments& arguments,
          const std::map<std::string, std::string>& environment = {})
      : errors_(folder / ("errors-" + std::to_string(++count_))) {
    std::vector<char*> argv = {const_cast<char*>(path.c_str())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::dup2(::open(errors_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  ~Running() {
    if (ended_) return;
    for (const pid_t rank : ranks()) ::kill(rank, SIGKILL);
    ::kill(pid_, SIGKILL);
    wait();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  pid_t pid() const { return pid_; }
  /// The processes that it has started, in that order.
  std::vector<pid_t> ranks() const {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const auto name = entry.path().filename().string();
      pid_t pid = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (error != std::errc() || end != name.data() + name.size()) continue;
      std::ifstream stat(entry.path() / "stat");
      std::string line;
      std::getline(stat, line);
      const auto rest = line.substr(std::min(line.size(), line.rfind(')') + 2));
      if (rest.size() > 2 && std::atoi(rest.c_str() + 2) == pid_) found.push_back(pid);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  /// The exit code as a shell tells it.
  int wait() {
    int status = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "it did not end: " << errors();
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, &status, 0);
        break;
      }
      ::usleep(2000);
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string errors() const { return read_file(errors_); }

 private:
  static inline int count_ = 0;
  fs::path errors_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

class Trouble : public Distributed {
 protected:
  static std::string program() { return std::string(GPTKIT_BIN_DIR) + "/pretrain"; }
  /// Waits until the run has written so many steps.
  static void wait_for_steps(const std::string& out, size_t steps) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (rows(out).size() < steps) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << out << " does not come on";
      ::usleep(10'000);
    }
  }
  /// The run goes on to some later step; and ends well.
  static void expect_to_resume(const std::string& out, const Arguments& more) {
    const auto steps = std::to_string(rows(out).size() + 3);
    const auto resumed = run(
        "pretrain", endless(out, Arguments{"--resume", "-s", "train.max_steps=" + steps} + more));
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    const auto all = rows(out);
    ASSERT_EQ(std::to_string(all.size()), steps);
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].at("step"), i);
  }
};

TEST_F(Trouble, ARankThatIsKilledEndsTheOthersAndIsNamed) {
  Running training(folder(), program(), endless("killed", {"--nproc", "3"}));
  wait_for_steps("killed", 6);
  const auto ranks = training.ranks();
  ASSERT_EQ(ranks.size(), 3u);
  ::kill(ranks[2], SIGKILL);
  EXPECT_EQ(training.wait(), 1);
  EXPECT_THAT(training.errors(), HasSubstr("pretrain: rank 2 of 3 does not answer"));
  EXPECT_THAT(training.errors(),
              HasSubstr(concat("rank 2 (process ", ranks[2], ") was killed by signal 9")));
  EXPECT_TRUE(training.ranks().empty());
  expect_to_resume("killed", {"--nproc", "2"});
}

TEST_F(Trouble, RankZeroThatIsKilledEndsTheOthersToo) {
  Running training(folder(), program(), endless("headless", {"--nproc", "2"}));
  wait_for_steps("headless", 6);
  ::kill(training.ranks().at(0), SIGKILL);
  EXPECT_EQ(training.wait(), 1);
  EXPECT_THAT(training.errors(), HasSubstr("[rank 1] pretrain: "));
  EXPECT_THAT(training.errors(), HasSubstr("pretrain: rank 0 (process "));
  expect_to_resume("headless", {"--nproc", "2"});
}

TEST_F(Trouble, ARankThatHangsIsNamedWithinTheTimeout) {
  for (const size_t victim : {size_t{1}, size_t{0}}) {
    const auto out = concat("hanging-", victim);
    Running training(folder(), program(), endless(out, {"--nproc", "2", "-s", "train.timeout=4"}));
    wait_for_steps(out, 6);
    const auto begin = std::chrono::steady_clock::now();
    ::kill(training.ranks().at(victim), SIGSTOP);
    EXPECT_EQ(training.wait(), 1);
    // And some seconds that a busy machine may take longer.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4 + 5));
    EXPECT_THAT(
        training.errors(),
        HasSubstr(victim == 0 ? "pretrain: rank 0, where the ranks meet, does not answer: stopped"
                              : "pretrain: rank 1 of 2 does not answer"));
    EXPECT_THAT(training.errors(), Not(HasSubstr(concat("rank ", 1 - victim, " of 2"))));
    expect_to_resume(out, {"--nproc", "2"});
  }
}

TEST_F(Trouble, ASignalToTheLauncherOrToOneRankStopsAllAfterTheSameStep) {
  for (const auto& [signal, code, to_rank] :
       {std::tuple{SIGINT, 130, false}, std::tuple{SIGTERM, 143, true}}) {
    const auto out = concat("stopped-", code);
    Running training(folder(), program(), endless(out, {"--nproc", "2"}));
    wait_for_steps(out, 5);
    ::kill(to_rank ? training.ranks().at(1) : training.pid(), signal);
    EXPECT_EQ(training.wait(), code);
    EXPECT_THAT(training.errors(), HasSubstr("pretrain: stopped after step "));
    expect_to_resume(out, {"--nproc", "2"});
  }
}

TEST_F(Trouble, NoProcessOutlivesTheLauncher) {
  Running training(folder(), program(), endless("orphans", {"--nproc", "2"}));
  wait_for_steps("orphans", 5);
  const auto ranks = training.ranks();
  ::kill(training.pid(), SIGKILL);
  EXPECT_EQ(training.wait(), 137);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (const pid_t rank : ranks) {
    while (::kill(rank, 0) == 0 && std::chrono::steady_clock::now() < deadline) ::usleep(10'000);
    EXPECT_NE(::kill(rank, 0), 0) << "process " << rank << " is still there";
  }
  expect_to_resume("orphans", {"--nproc", "2"});
}

TEST_F(Trouble, AWrongEnvironmentIsOneLine) {
  const auto with = [](std::vector<std::pair<std::string, std::string>> environment,
                       const Arguments& more = {}) {
    return run("pretrain", training("refused", more), {.environment = std::move(environment)});
  };
  expect_failure(with({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), 2, "pretrain", "RANK is 'x'");
  expect_failure(with({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), 2, "pretrain", "RANK is '2'");
  expect_failure(with({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "localhost"}}), 2,
                 "pretrain", "MASTER_PORT is not set");
  expect_failure(
      with({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "1"}},
           {"-s", "train.timeout=1"}),
      1, "pretrain", "rank 1 cannot reach localhost:1 within 1 s");
  expect_failure(with({{"RANK", "0"},
                       {"WORLD_SIZE", "2"},
                       {"MASTER_ADDR", "localhost"},
                       {"MASTER_PORT", "29500"}},
                      {"--nproc", "2"}),
                 2, "pretrain", "a launcher has already started the processes");
  expect_failure(with({}, {"--nproc", "0"}), 2, "pretrain", "--nproc");
  EXPECT_FALSE(fs::exists(folder() / "refused"));
}

TEST_F(Trouble, AnErrorThatAllRanksMeetIsToldOnce) {
  expect_failure(run("pretrain", training("pre", {"--nproc", "3"})), 2, "pretrain",
                 "already holds a run");
  expect_failure(run("pretrain", training("no", {"--nproc", "2", "-s", "train.lr=-1"})), 2,
                 "pretrain", "train.lr");
}

TEST_F(Trouble, RanksWithOtherDataOrSettingsAreRefused) {
  file("other.txt", read_file(folder() / "stories.txt").substr(0, 30'000));
  for (const auto& [set, named] :
       {std::pair{"data.train=other.txt", "rank 1 has another run than rank 0: 'training data: "},
        std::pair{"train.lr=0.5", "'train.lr: 0.5' instead of 'train.lr: 0.001'"},
        std::pair{"model.d_model=32", "rank 1 has another run than rank 0"},
        std::pair{"seed=9", "(the seed)'"}}) {
    const std::map<std::string, std::string> common = {
        {"WORLD_SIZE", "2"},
        {"MASTER_ADDR", "127.0.0.1"},
        {"MASTER_PORT", std::to_string(20'000 + ::getpid() % 10'000)}};
    auto first = common, second = common;
    first["RANK"] = "0";
    second["RANK"] = "1";
    remove_tree(folder() / "mixed");
    Running zero(folder(), program(), training("mixed"), first);
    Running one(folder(), program(), training("mixed-1", {"-s", set}), second);
    EXPECT_EQ(zero.wait(), 2);
    EXPECT_EQ(one.wait(), 2);
    EXPECT_THAT(zero.errors(), HasSubstr(named));
    EXPECT_THAT(one.errors(), HasSubstr(named));
    EXPECT_FALSE(fs::exists(folder() / "mixed-1")) << "only rank 0 has a run folder";
  }
}

/// Where torchrun is, or nothing.
std::string torchrun() {
  if (const char* set = std::getenv("GPTKIT_TORCHRUN")) return set;
  const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
  for (size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    const auto file = fs::path(path.substr(begin, end - begin)) / "torchrun";
    if (::access(file.c_str(), X_OK) == 0) return file;
    begin = end + 1;
  }
  return "";
}

TEST_F(Trouble, UnderTorchrunARunGoesOnByItselfAfterARankDied) {
  const auto launcher = torchrun();
  if (launcher.empty()) GTEST_SKIP() << "no torchrun here: set GPTKIT_TORCHRUN or PATH";
  const auto arguments = [](const std::string& out) {
    return Arguments{"--no-python", "--standalone", "--nproc-per-node", "2", "--max-restarts",
                     "2",           program()} +
           endless(out, {"-s", "train.epochs=12"});
  };
  const auto whole =
      run("pretrain", endless("unbroken", {"--nproc", "2", "-s", "train.epochs=12"}));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  // A run that is there is refused again after each restart, and not taken for this launch's.
  auto once = arguments("unbroken");
  once[5] = "1";  // --max-restarts
  Running refused(folder(), launcher, once);
  EXPECT_NE(refused.wait(), 0);
  EXPECT_THAT(refused.errors(), HasSubstr("already holds a run"));

  Running training(folder(), launcher, arguments("restarted"));
  wait_for_steps("restarted", 6);
  ::kill(training.ranks().at(1), SIGKILL);
  EXPECT_EQ(training.wait(), 0) << training.errors();
  EXPECT_EQ(weights("restarted"), weights("unbroken"));
  EXPECT_EQ(rows("restarted").size(), rows("unbroken").size());
}

}  // namespace
}  // namespace gptkit::test
