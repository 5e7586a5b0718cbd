#include <algorithm>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

/// Interrupted runs: whatever ends them, --resume leads to the same final bytes.
class Resume : public TinyRun {
 protected:
  static Arguments long_run(const std::string& out) {
    return pretrain_arguments(out) +
           Arguments{"-s", "train.max_steps=40", "-s", "train.checkpoint_every=3",
                     "-s", "train.eval_every=7", "-s", "model.dropout=0.1"};
  }
  static int64_t steps_written(const std::string& out) {
    const auto path = folder() / out / "metrics.jsonl";
    if (!fs::exists(path)) return 0;
    const auto rows = read_file(path);
    return std::count(rows.begin(), rows.end(), '\n');
  }
};

TEST_F(Resume, GivesTheBytesOfAnUninterruptedRunAfterAnySignal) {
  const auto whole = run("pretrain", long_run("whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const auto expected = weights("whole");
  int64_t after = 5;
  for (const auto& [signal, code] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    const std::string out = "stopped-" + std::to_string(code);
    const auto ended = stop_when(
        "pretrain", long_run(out), [&] { return steps_written(out) >= after; }, signal,
        [&] {
          // The folder is taken while the run lasts.
          if (signal == SIGINT) {
            expect_failure(run("pretrain", long_run(out) + Arguments{"--overwrite"}), 1, "pretrain",
                           "in use by process");
          }
        });
    EXPECT_TRUE(ended == code || ended == 0) << ended;
    const auto resumed = run("pretrain", {"-q", "--threads", "1", "--out", out, "--resume"});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(weights(out), expected);
    EXPECT_EQ(steps_written(out), 40);
    after += 4;
  }

  // Killed again and again, a few steps on each time.
  EXPECT_EQ(
      stop_when(
          "pretrain", long_run("killed"), [&] { return steps_written("killed") >= 4; }, SIGKILL),
      137);
  for (const int64_t step : {9, 14, 23, 31}) {
    stop_when(
        "pretrain", long_run("killed") + Arguments{"--resume"},
        [&] { return steps_written("killed") >= step; }, SIGKILL);
  }
  const auto resumed = run("pretrain", long_run("killed") + Arguments{"--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(weights("killed"), expected);
  EXPECT_EQ(steps_written("killed"), 40);
}

TEST_F(Resume, TakesTheCheckpointBeforeADamagedOneAndSaysSo) {
  const std::string newest = "pre/checkpoints/step-00000004/";
  const auto expected = weights("pre");
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    SCOPED_TRACE(name);
    auto bytes = content(newest + name);
    bytes[bytes.size() / 2] ^= 1;
    file(newest + name, bytes);
    fs::remove(folder() / "pre/finished.json");  // else there is nothing to do
    const auto resumed = pretrain("pre", {"--resume"});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, testing::HasSubstr(name));
    EXPECT_THAT(resumed.err, testing::HasSubstr("trying the checkpoint before it"));
    EXPECT_EQ(weights("pre"), expected);
  }
}

TEST_F(Resume, ReadsTheKeysOfVersion01InItsOwnConfigAlone) {
  const auto expected = weights("pre");
  const auto config = content("pre/config.yaml");
  auto old = config;
  for (const auto& [now, before] : {std::pair<std::string, std::string>{"max_grad_norm", "clip"},
                                    {"activation_checkpointing", "recompute"}}) {
    const auto at = old.find("  " + now + ": ");
    ASSERT_NE(at, old.npos) << now;
    old.replace(at + 2, now.size(), before);
  }
  file("pre/config.yaml", old);
  expect_failure(run("pretrain", {"-c", "pre/config.yaml", "--out", "again"}), 2, "pretrain",
                 "the key 'train.clip' is now 'train.max_grad_norm'");
  expect_failure(pretrain("pre", {"--resume", "-s", "train.max_grad_norm=0.5"}), 2, "pretrain",
                 "the run was started with 'max_grad_norm: 1' and cannot continue with "
                 "'max_grad_norm: 0.5'");
  for (const Arguments& arguments :
       {Arguments{"--out", "pre"}, Arguments{"--out", "pre", "-c", "pre/config.yaml"}}) {
    file("pre/config.yaml", old);
    fs::remove(folder() / "pre/finished.json");
    const auto resumed = run("pretrain", Arguments{"-q", "--threads", "1", "--resume"} + arguments);
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(weights("pre"), expected);
    EXPECT_EQ(content("pre/config.yaml"), config);
  }
}

TEST_F(Resume, RefusesOtherSettingsAndOtherText) {
  expect_failure(pretrain("pre", {"--resume", "-s", "train.lr=0.5"}), 2, "pretrain",
                 "cannot continue with 'lr: 0.5'");
  auto text = content("stories.txt");
  text[100] = text[100] == 'x' ? 'y' : 'x';
  file("stories.txt", text);
  expect_failure(pretrain("pre", {"--resume"}), 2, "pretrain",
                 "not those the run was started with");
}

}  // namespace
}  // namespace gptkit::test
