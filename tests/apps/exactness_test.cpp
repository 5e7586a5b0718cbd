// Every training program, interrupted anywhere and resumed, gives the bytes of a run that was left
// alone: weights, metrics, samples and what it reports at its end.

#include <chrono>
#include <random>
#include <thread>

#include "base/json.h"
#include "tiny_run.h"

namespace gptkit::test {
namespace {

/// A training program with everything on that a checkpoint has to carry: dropout, accumulation,
/// warm-up, several epochs, evaluations, the best checkpoint, samples.
struct Program {
  std::string name;
  Arguments settings;
  std::vector<std::string> results;  ///< files of the run folder that must be the same bytes
};

class Exactness : public TinyRun {
 protected:
  static Program pretrain_program() {
    return {"pretrain",
            {"-c", "pretrain.yaml", "-s", "model.dropout=0.1", "-s", "train.epochs=2", "-s",
             "train.max_steps=80", "-s", "sample.prompt=The", "-s", "sample.max_new_tokens=3", "-s",
             "sample.every_evaluation=true"},
            {"model/model.safetensors", "samples.txt"}};
  }
  static Program classify_program() {
    return {"finetune-classify",
            {"-m", "pre/model", "-s", "data.train=" + quickstart("few-messages.tsv"), "-s",
             "classifier.max_tokens=8", "-s", "classifier.dropout=0.1", "-s", "train.epochs=6"},
            {"model/model.safetensors", "report.json"}};
  }
  static Program instruct_program() {
    return {"finetune-instruct",
            {"-m", "pre/model",
             "-s", "data.train=" + quickstart("instructions.json"),
             "-s", "instruct.prompt_style=plain",
             "-s", "instruct.dropout=0.1",
             "-s", "responses.count=2",
             "-s", "responses.max_new_tokens=2",
             "-s", "train.epochs=2",
             "-s", "train.max_steps=70",
             "-s", "data.split={train: 0.3, validation: 0.6, test: 0.1}",
             "-s", "sample.prompt=Name a colour",
             "-s", "sample.max_new_tokens=3"},
            {"model/model.safetensors", "samples.txt", "responses.json"}};
  }

  static Arguments arguments(const Program& program, const std::string& out, bool resume = false) {
    Arguments all = program.settings + Arguments{"-q", "--threads", "1", "--out", out};
    for (const char* setting :
         {"train.micro_batch_size=2", "train.global_batch_size=4", "train.lr=0.001",
          "train.warmup_steps=5", "train.schedule=wsd", "train.checkpoint_every=2",
          "train.eval_every=7", "train.eval_batches=1", "train.keep_best=true",
          "train.tensorboard=true"}) {
      all.insert(all.end(), {"-s", setting});
    }
    if (resume) all.emplace_back("--resume");
    return all;
  }

  /// metrics.jsonl without what depends on the clock.
  static std::vector<std::string> metrics(const std::string& out) {
    std::vector<std::string> rows;
    const auto text = content(out + "/metrics.jsonl");
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      auto row = parse_json_ordered(text.substr(begin, end - begin), out);
      row.erase("seconds");
      row.erase("tokens_per_second");
      rows.push_back(dump_json(row));
    }
    return rows;
  }

  /// A result without what depends on the clock.
  static std::string timeless(const std::string& path) {
    if (!path.ends_with("report.json")) return content(path);
    auto report = parse_json_ordered(content(path), path);
    for (const char* key : {"training", "baselines", "verdict"}) report.erase(key);
    return dump_json(report);
  }

  static void expect_same_results(const Program& program, const std::string& out,
                                  const std::string& whole) {
    for (const auto& file : program.results) {
      EXPECT_EQ(timeless(out + "/" + file), timeless(whole + "/" + file)) << out << ' ' << file;
    }
    EXPECT_EQ(metrics(out), metrics(whole)) << out;
  }

  static pid_t start(const Program& program, const std::string& out, bool resume) {
    const auto all = arguments(program, out, resume);
    const std::string path = std::string(GPTKIT_BIN_DIR) + "/" + program.name;
    std::vector<char*> argv = {const_cast<char*>(path.c_str())};
    for (const auto& argument : all) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string in = folder().string();
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    if (::chdir(in.c_str()) == 0) ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  static bool running(pid_t child, int& status) { return ::waitpid(child, &status, WNOHANG) == 0; }
  static int code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// Starts the program, waits until it has written a row of its own and a random while more, and
  /// sends the signal. The exit code: 0 when it was done before.
  static int stop_somewhere(const Program& program, const std::string& out, bool resume, int signal,
                            std::mt19937& random) {
    const auto rows = folder() / out / "metrics.jsonl";
    const auto changed = [&] {
      std::error_code missing;
      return fs::last_write_time(rows, missing);
    };
    const auto before = changed();
    const pid_t child = start(program, out, resume);
    int status = 0;
    bool alive = true;
    while ((alive = running(child, status)) && changed() == before) ::usleep(300);
    for (auto wait = std::uniform_int_distribution<int>(0, 150)(random);
         wait > 0 && (alive = running(child, status)); --wait) {
      ::usleep(500);
    }
    if (alive) {
      ::kill(child, signal);
      ::waitpid(child, &status, 0);
    }
    return code_of(status);
  }
};

TEST_F(Exactness, KilledAtFiftyRandomInstants) {
  std::mt19937 random(std::random_device{}());
  int64_t kills = 0;
  const std::vector<std::pair<Program, int64_t>> parts = {
      {pretrain_program(), 30}, {classify_program(), 40}, {instruct_program(), 50}};
  for (const auto& [program, until] : parts) {
    const std::string whole = "whole-" + program.name;
    ASSERT_EQ(run(program.name, arguments(program, whole)).exit_code, 0);
    for (int round = 0; kills < until; ++round) {
      ASSERT_LT(round, 60) << program.name << " cannot be killed";
      // A run is killed up to six times, then left to end.
      const std::string out = concat("killed-", program.name, "-", round);
      bool ended = false;
      for (int life = 0; life < 6 && kills < until && !ended; ++life) {
        const bool resume = fs::exists(folder() / out / "metrics.jsonl");
        const int code = stop_somewhere(program, out, resume, SIGKILL, random);
        ASSERT_TRUE(code == 137 || code == 0) << out << ' ' << code;
        ended = code == 0;
        kills += ended ? 0 : 1;
      }
      if (!ended) {
        const auto resumed = run(program.name, arguments(program, out, /*resume=*/true));
        ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
      }
      expect_same_results(program, out, whole);
      remove_tree(folder() / out);
    }
  }
  EXPECT_EQ(kills, 50);
}

TEST_F(Exactness, StoppedByASignalInEveryProgram) {
  std::mt19937 random(std::random_device{}());
  for (const auto& program : {pretrain_program(), classify_program(), instruct_program()}) {
    const std::string whole = "signal-whole-" + program.name;
    ASSERT_EQ(run(program.name, arguments(program, whole)).exit_code, 0);
    for (const auto& [signal, code] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
      const std::string out = concat("signal-", program.name, "-", code);
      const int ended = stop_somewhere(program, out, /*resume=*/false, signal, random);
      EXPECT_TRUE(ended == code || ended == 0) << out << ' ' << ended;
      const auto resumed = run(program.name, arguments(program, out, /*resume=*/true));
      EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
      expect_same_results(program, out, whole);
    }
  }
}

TEST_F(Exactness, InBfloat16AndWithRecomputeToo) {
  std::mt19937 random(std::random_device{}());
  // A shape that goes through the fused blocks where the processor has them.
  const Program program{"pretrain",
                        {"-c", "pretrain.yaml", "-s", "model.d_model=64", "-s", "train.epochs=2",
                         "-s", "train.max_steps=60", "-s", "train.precision=bfloat16", "-s",
                         "train.activation_checkpointing=true"},
                        {"model/model.safetensors"}};
  ASSERT_EQ(run(program.name, arguments(program, "half-whole")).exit_code, 0);
  for (const int signal : {SIGINT, SIGKILL}) {
    const std::string out = concat("half-", signal);
    stop_somewhere(program, out, /*resume=*/false, signal, random);
    const auto resumed = run(program.name, arguments(program, out, /*resume=*/true));
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    expect_same_results(program, out, "half-whole");
  }
  // Recompute changes no bit.
  auto kept = program;
  kept.settings.back() = "train.activation_checkpointing=false";
  ASSERT_EQ(run(kept.name, arguments(kept, "half-kept")).exit_code, 0);
  expect_same_results(program, "half-kept", "half-whole");
}

}  // namespace
}  // namespace gptkit::test
