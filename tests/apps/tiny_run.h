#pragma once
// What the end-to-end tests start from: a tokenizer of 300 tokens and a GPT of some thousand
// parameters, made by the programs themselves in about a second.

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "support/run_program.h"
#include "support/support.h"

namespace gptkit::test {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments first, const Arguments& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// `folder()` holds stories.txt, tok/, pretrain.yaml and the run pre/ of it.
class TinyRun : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    const auto stories = read_file(quickstart("stories.txt"));
    write_file_atomic(folder() / "stories.txt", std::string_view(stories).substr(0, 40'000));
    write_file_atomic(folder() / "pretrain.yaml",
                      "tokenizer: tok\n"
                      "model: {context_length: 32, n_layer: 1, n_head: 2, d_model: 16}\n"
                      "data: {train: [stories.txt]}\n"
                      "train: {max_steps: 4, micro_batch_size: 4, eval_every: 4, eval_batches: 1,\n"
                      "        checkpoint_every: 2, lr: 1.0e-3}\n");
    const auto tokenizer = run("tokenize", {"train", "-q", "--algorithm", "bpe", "--vocab-size",
                                            "300", "--out", "tok", "stories.txt"});
    ASSERT_EQ(tokenizer.exit_code, 0) << tokenizer.err;
    const auto model = pretrain("pre");
    ASSERT_EQ(model.exit_code, 0) << model.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static const fs::path& folder() { return folder_->path(); }
  static std::string quickstart(const std::string& file) {
    return (fs::path(GPTKIT_SOURCE_DIR) / "configs" / "quickstart" / file).string();
  }
  /// Runs a program in folder().
  static ProgramResult run(const std::string& program, const Arguments& arguments,
                           ProgramInput input = {}) {
    input.folder = folder();
    return run_program(program, arguments, input);
  }
  static Arguments pretrain_arguments(const std::string& out) {
    return {"-q", "--threads", "1", "-c", "pretrain.yaml", "--out", out};
  }
  static ProgramResult pretrain(const std::string& out, const Arguments& more = {}) {
    return run("pretrain", pretrain_arguments(out) + more);
  }
  static ProgramResult generate(const Arguments& more) {
    return run("generate", Arguments{"-q", "--threads", "1", "-m", "pre/model"} + more);
  }
  /// Starts a program in folder() and sends it `signal` as soon as `ready`, after `first` has been
  /// called; the exit code as a shell tells it.
  static int stop_when(
      const std::string& program, const Arguments& arguments, const std::function<bool()>& ready,
      int signal, const std::function<void()>& first = [] {}) {
    const std::string path = std::string(GPTKIT_BIN_DIR) + "/" + program;
    std::vector<char*> argv = {const_cast<char*>(path.c_str())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string in = folder().string();
    const pid_t child = ::fork();
    if (child == 0) {
      const int said = ::open((in + "/said").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
      ::dup2(said, STDOUT_FILENO);
      ::dup2(said, STDERR_FILENO);
      if (::chdir(in.c_str()) != 0) ::_exit(126);
      ::signal(SIGHUP, SIG_DFL);  // also where the tests run under nohup
      ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
    int status = 0;
    pid_t ended = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!ready() && (ended = ::waitpid(child, &status, WNOHANG)) == 0) {
      if (std::chrono::steady_clock::now() > deadline) break;
      ::usleep(500);
    }
    if (ended == 0) {
      ::kill(child, SIGSTOP);  // so that it is still there after first()
      first();
      ::kill(child, signal);
      ::kill(child, SIGCONT);
      ::waitpid(child, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// What the program that stop_when() started said, on both outputs.
  static std::string said() { return content("said"); }
  static void file(const std::string& name, std::string_view content) {
    write_file_atomic(folder() / name, content);
  }
  static std::string content(const std::string& name) { return read_file(folder() / name); }
  static std::string weights(const std::string& run) {
    return sha256_of_file(folder() / run / "model" / "model.safetensors");
  }

 private:
  static inline ScratchFolder* folder_ = nullptr;
};

}  // namespace gptkit::test
