#pragma once
// SIGINT and SIGTERM as a wish: the first one is noted, so that a long job can finish its step and
// save; a second one ends the process at once.

#include <stdexcept>
#include <string>

namespace gptkit {

/// Thrown by a job that stopped on a signal after saving; exit code 128 + signal.
class Stopped : public std::runtime_error {
 public:
  Stopped(int signal, const std::string& message) : std::runtime_error(message), signal_(signal) {}
  int exit_code() const { return 128 + signal_; }

 private:
  int signal_;
};

/// Starts noting SIGINT and SIGTERM.
void watch_stop_signals();

/// The signal that asked for the end, or 0.
int stop_signal();

}  // namespace gptkit
