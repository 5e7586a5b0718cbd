#include "distributed/launch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace gptkit {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

/// After the first failure the other ranks have this time to find and report the missing rank. Then
/// they get SIGTERM, and later SIGKILL.
constexpr auto kToNotice = seconds(8), kToEnd = seconds(4);
constexpr std::size_t kKeptOutput = std::size_t{1} << 16;

constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT};

struct Child {
  pid_t pid = -1;
  int messages = -1;  // its standard error, which we read; rank 0 uses ours
  std::string text;   // the end of its output
  std::optional<int> status;
  bool stopped = false;      // by SIGSTOP
  bool ended_by_us = false;  // its exit status then carries no information
};

/// A free port. The socket listens from now on, so no other process can take the port.
struct Listener {
  int fd = -1;
  uint16_t port = 0;
  Listener() {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || ::bind(fd, any, size) != 0 || ::listen(fd, SOMAXCONN) != 0 ||
        ::getsockname(fd, any, &size) != 0) {
      fail_runtime(Key{"nproc"}, ": cannot listen on 127.0.0.1: ", std::strerror(errno));
    }
    port = ntohs(address.sin_port);
  }
  ~Listener() { ::close(fd); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
};

void set_variable(const char* name, int64_t value) {
  ::setenv(name, concat(value).c_str(), /*overwrite=*/1);
}

class Launcher {
 public:
  Launcher(const std::string& program, int64_t processes, char** argv)
      : program_(program), argv_(argv), parent_(::getpid()) {
    block_signals();
    for (int64_t rank = 0; rank < processes; ++rank) start(rank, processes);
  }
  ~Launcher() {
    for (const auto& child : children_) {
      if (!child.status) ::kill(child.pid, SIGKILL);
    }
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  LaunchOutcome run() {
    while (running() > 0) {
      wait();
      reap();
      press();
    }
    return report();
  }

 private:
  void block_signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    for (const int signal : kForwarded) sigaddset(&wanted, signal);
    sigprocmask(SIG_BLOCK, &wanted, &mask_before_);
    signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals_ < 0) fail_runtime(Key{"nproc"}, ": signalfd: ", std::strerror(errno));
  }

  void start(int64_t rank, int64_t processes) {
    Child child;
    int ends[2] = {-1, -1};
    if (rank > 0 && ::pipe2(ends, O_CLOEXEC) != 0) {
      fail_runtime(Key{"nproc"}, ": cannot make a pipe: ", std::strerror(errno));
    }
    child.pid = ::fork();
    if (child.pid < 0) {
      fail_runtime(Key{"nproc"}, " ", processes, ": cannot start rank ", rank, ": ",
                   std::strerror(errno));
    }
    if (child.pid == 0) become(rank, processes, ends[1]);
    if (ends[1] >= 0) ::close(ends[1]);
    child.messages = ends[0];
    children_.push_back(std::move(child));
  }

  /// In the child.
  [[noreturn]] void become(int64_t rank, int64_t processes, int messages) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // when we are killed
    if (::getppid() != parent_) ::_exit(1);
    ::setpgid(0, 0);  // Ctrl-C reaches only this process, which passes it on once
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    if (rank > 0) {
      ::dup2(null, STDOUT_FILENO);
      ::dup2(messages, STDERR_FILENO);
    } else {
      ::fcntl(listener_.fd, F_SETFD, 0);  // survives exec
      set_variable("GPTKIT_LISTEN_FD", listener_.fd);
    }
    set_variable("GPTKIT_NPROC", processes);
    set_variable("RANK", rank);
    set_variable("LOCAL_RANK", rank);
    set_variable("WORLD_SIZE", processes);
    set_variable("LOCAL_WORLD_SIZE", processes);
    set_variable("MASTER_PORT", listener_.port);
    ::setenv("MASTER_ADDR", "127.0.0.1", /*overwrite=*/1);
    ::execv("/proc/self/exe", argv_);
    ::_exit(127);
  }

  std::size_t running() const {
    return static_cast<std::size_t>(std::count_if(
        children_.begin(), children_.end(), [](const Child& child) { return !child.status; }));
  }

  /// Waits until a child writes or ends, a signal arrives, or half a second has passed.
  void wait() {
    std::vector<pollfd> watched = {{signals_, POLLIN, 0}};
    for (const auto& child : children_) watched.push_back({child.messages, POLLIN, 0});
    ::poll(watched.data(), watched.size(), 500);
    for (std::size_t i = 0; i < children_.size(); ++i) {
      if (watched[i + 1].revents != 0) listen_to(children_[i]);
    }
    signalfd_siginfo info;
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGCHLD) forward(static_cast<int>(info.ssi_signo));
    }
  }

  static void listen_to(Child& child) {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(child.messages, buffer.data(), buffer.size());
    if (n > 0) {
      child.text.append(buffer.data(), static_cast<std::size_t>(n));
      if (child.text.size() > kKeptOutput) child.text.erase(0, child.text.size() - kKeptOutput);
    } else if (n == 0 || errno != EINTR) {
      ::close(child.messages);
      child.messages = -1;
    }
  }

  void forward(int signal) {
    tell(signal == SIGTSTP ? SIGSTOP : signal);
    if (signal == SIGTSTP) ::raise(SIGSTOP);  // Ctrl-Z: we stop as well
    if (signal != SIGTSTP && signal != SIGCONT) asked_to_end_ = true;
  }

  void tell(int signal) {
    for (const auto& child : children_) {
      if (!child.status) ::kill(child.pid, signal);
    }
  }

  void reap() {
    for (std::size_t rank = 0; rank < children_.size(); ++rank) {
      auto& child = children_[rank];
      int status = 0;
      if (child.status) continue;
      if (::waitpid(child.pid, &status, WNOHANG | WUNTRACED | WCONTINUED) != child.pid) continue;
      child.stopped = WIFSTOPPED(status);
      if (WIFSTOPPED(status) || WIFCONTINUED(status)) continue;
      child.status = status;
      while (child.messages >= 0) listen_to(child);
      // When rank 0 has ended, the work is done and the other ranks only have to end.
      const bool done = status == 0 && rank == 0;
      if (!deadline_ && (done || status != 0)) deadline_ = Clock::now() + kToNotice;
      if (status != 0 && !first_failed_ && !child.ended_by_us) first_failed_ = rank;
    }
  }

  static void end(Child& child, int signal) {
    child.ended_by_us = true;
    ::kill(child.pid, signal);
  }

  /// Ends the remaining ranks after a failure, or when rank 0 has ended.
  void press() {
    if (!deadline_) return;
    // Stopped ranks would continue too late and blame the others.
    for (auto& child : children_) {
      if (!child.status && child.stopped) end(child, SIGKILL);
    }
    if (Clock::now() < *deadline_) return;
    for (auto& child : children_) {
      if (!child.status) end(child, pressed_ ? SIGKILL : SIGTERM);
    }
    pressed_ = true;
    deadline_ = Clock::now() + kToEnd;
  }

  LaunchOutcome report() const {
    if (!first_failed_) return {};
    const auto rank = *first_failed_;
    const auto& child = children_[rank];
    const int status = *child.status;
    // Rank 0 knows more than the launcher, if it could still report it.
    const int main_status = *children_.front().status;
    const bool told = WIFEXITED(main_status) && WEXITSTATUS(main_status) != 0;
    auto said = told ? std::string() : numbered_lines(child.text.empty() ? witness() : rank);
    // Ranks that fail because of it end with their own code, sometimes before it.
    if (WIFEXITED(status)) return {WEXITSTATUS(told ? main_status : status), said};
    const int signal = WTERMSIG(status);
    if (asked_to_end_) return {128 + signal, said};
    said += concat(program_, ": rank ", rank, " (process ", child.pid, ") was killed by signal ",
                   signal, " (", ::strsignal(signal), "); the others were ended; continue with ",
                   Key{"resume"}, "\n");
    return {1, said};
  }

  /// The first rank that wrote anything.
  std::size_t witness() const {
    const auto found = std::find_if(children_.begin(), children_.end(),
                                    [](const Child& child) { return !child.text.empty(); });
    return found == children_.end() ? 0 : static_cast<std::size_t>(found - children_.begin());
  }

  /// The output of a rank, each line prefixed with its number.
  std::string numbered_lines(std::size_t rank) const {
    const auto& text = children_[rank].text;
    std::string lines;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      lines += concat("[rank ", rank, "] ", text.substr(begin, end - begin), "\n");
      begin = end + 1;
    }
    return lines;
  }

  std::string program_;
  char** argv_;
  pid_t parent_;
  Listener listener_;
  sigset_t mask_before_ = {};
  int signals_ = -1;
  std::vector<Child> children_;
  std::optional<std::size_t> first_failed_;
  std::optional<Clock::time_point> deadline_;
  bool pressed_ = false, asked_to_end_ = false;
};

}  // namespace

LaunchOutcome launch_ranks(const std::string& program, int64_t processes, char** argv) {
  return Launcher(program, processes, argv).run();
}

bool is_launched() { return std::getenv("GPTKIT_NPROC") != nullptr; }

}  // namespace gptkit
