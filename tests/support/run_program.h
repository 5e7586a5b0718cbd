#pragma once
// Runs one of the built programs as a person would: arguments, standard input, and afterwards the
// exit code and both outputs. No shell in between; a program that hangs is killed and fails the
// test.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptkit::test {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal when one ended it
  bool timed_out = false;
  std::string out, err;
};

struct ProgramInput {
  std::string stdin_text = {};
  std::string stdout_path = {};     // instead of a pipe: "/dev/full", or a file
  bool close_stdout_early = false;  // reads one byte of the output, then closes the pipe
  std::vector<std::pair<std::string, std::string>> environment = {};  // added or replaced
  std::filesystem::path folder = {};  // to run in; empty: the test's own
  int timeout_seconds = 120;
};

namespace run_program_detail {

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      read_end = ends[0];
      write_end = ends[1];
    }
  }
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

/// Appends what can be read now; closes the end at end of file.
inline void drain(int& end, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(end, buffer.data(), buffer.size());
  if (n > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
    Pipe::close_end(end);
  }
}

}  // namespace run_program_detail

/// Runs GPTKIT_BIN_DIR/`name`, or the program that an absolute `name` is the path of.
inline ProgramResult run_program(const std::string& name, const std::vector<std::string>& arguments,
                                 const ProgramInput& input = {}) {
  using namespace run_program_detail;
  const std::string path = (std::filesystem::path(GPTKIT_BIN_DIR) / name).string();
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  Pipe in, out, err;
  ProgramResult result;
  ::signal(SIGPIPE, SIG_IGN);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    const int output = input.stdout_path.empty()
                           ? out.write_end
                           : ::open(input.stdout_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(in.read_end, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(err.write_end, STDERR_FILENO);
    for (const auto& [key, value] : input.environment) ::setenv(key.c_str(), value.c_str(), 1);
    if (!input.folder.empty() && ::chdir(input.folder.c_str()) != 0) ::_exit(126);
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  Pipe::close_end(in.read_end);
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  ::fcntl(in.write_end, F_SETFL, O_NONBLOCK);

  std::string_view to_write = input.stdin_text;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(input.timeout_seconds);
  while (out.read_end >= 0 || err.read_end >= 0) {
    if (to_write.empty()) Pipe::close_end(in.write_end);
    std::array<pollfd, 3> wait = {pollfd{out.read_end, POLLIN, 0}, pollfd{err.read_end, POLLIN, 0},
                                  pollfd{in.write_end, POLLOUT, 0}};
    ::poll(wait.data(), wait.size(), 100);
    if (wait[0].revents) {
      drain(out.read_end, result.out);
      if (input.close_stdout_early && !result.out.empty()) Pipe::close_end(out.read_end);
    }
    if (wait[1].revents) drain(err.read_end, result.err);
    if (wait[2].revents) {
      const ssize_t n = ::write(in.write_end, to_write.data(), to_write.size());
      if (n > 0) to_write.remove_prefix(static_cast<std::size_t>(n));
      if (n < 0 && errno != EAGAIN && errno != EINTR) to_write = {};  // it stopped reading
    }
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(child, SIGKILL);
      result.timed_out = true;
      ADD_FAILURE() << name << " did not end within " << input.timeout_seconds << " s";
      break;
    }
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

/// Expects a failure with one line "name: ...part..." on standard error.
inline void expect_failure(const ProgramResult& result, int exit_code, const std::string& name,
                           const std::string& part) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.err.rfind(name + ": ", 0), 0u) << result.err;
  EXPECT_NE(result.err.find(part), std::string::npos)
      << "wanted: " << part << "\nin: " << result.err;
  EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << "errors are one line: " << result.err;
}

}  // namespace gptkit::test
