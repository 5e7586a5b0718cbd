#pragma once
// Several ranks as processes of one test: forked, joined over the loopback, their results and the
// ends they came to brought back.

#include <ATen/Parallel.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "distributed/world.h"

namespace gptkit::test {

struct RankResult {
  std::string text;  // what the body returned, or "error: " and the Error's message
  int signal = 0;    // that ended it
};

/// A socket that listens on a free port of the loopback.
struct Listener {
  int fd = -1;
  uint16_t port = 0;
  Listener() {
    fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    const bool listens =
        ::bind(fd, any, size) == 0 && ::listen(fd, 64) == 0 && ::getsockname(fd, any, &size) == 0;
    EXPECT_TRUE(listens);
    port = ntohs(address.sin_port);
  }
  ~Listener() { close(); }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

using RankBody = std::function<std::string(const RankEnvironment&)>;

inline std::string result_of(const RankEnvironment& ranks, const RankBody& body) {
  try {
    return body(ranks);
  } catch (const std::exception& error) {
    return std::string("error: ") + error.what();
  }
}

/// Runs body in `processes` processes (all `size` ranks unless given). LibTorch must not have
/// started threads in this one: OpenMP's do not survive a fork.
inline std::vector<RankResult> run_ranks(int64_t size, const RankBody& body,
                                         int64_t processes = 0) {
  at::set_num_threads(1);
  Listener listener;
  std::vector<pid_t> children;
  std::vector<int> pipes;
  for (int64_t rank = 0; rank < (processes > 0 ? processes : size); ++rank) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      RankEnvironment ranks{.rank = rank,
                            .world_size = size,
                            .local_rank = rank,
                            .local_world_size = size,
                            .master_addr = "localhost",
                            .master_port = listener.port,
                            .listen_fd = rank == 0 ? listener.fd : -1};
      if (rank != 0) listener.close();  // or connecting to a dead rank 0 would not be refused
      const auto text = result_of(ranks, body);
      const bool written = ::write(ends[1], text.data(), text.size()) >= 0;
      ::_exit(written ? 0 : 1);  // without LibTorch's destructors: some ranks hang on purpose
    }
    ::close(ends[1]);
    children.push_back(child);
    pipes.push_back(ends[0]);
  }
  listener.close();
  std::vector<RankResult> results;
  // Rank 0 is read first: a test stops only others, and those are killed once it has ended.
  for (size_t i = 0; i < children.size(); ++i) {
    RankResult result;
    int status = 0;
    if (::waitpid(children[i], &status, WUNTRACED) == children[i] && WIFSTOPPED(status)) {
      results.push_back({"stopped", SIGSTOP});
      continue;
    }
    char buffer[4096];
    for (ssize_t n; (n = ::read(pipes[i], buffer, sizeof buffer)) > 0;) {
      result.text.append(buffer, static_cast<size_t>(n));
    }
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    results.push_back(result);
  }
  for (size_t i = 0; i < children.size(); ++i) {
    ::close(pipes[i]);
    if (results[i].signal != SIGSTOP) continue;
    ::kill(children[i], SIGKILL);
    ::waitpid(children[i], nullptr, 0);
  }
  return results;
}

}  // namespace gptkit::test
