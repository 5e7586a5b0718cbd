#pragma once
// Signals that ask for the end. A job without anything to save ends at once, leaving no temporary
// files; one that has (training) calls watch_stop_signals(): the first SIGINT, SIGTERM, SIGHUP or
// SIGXCPU is noted, so that it can finish its step and save; a second one ends the process at once.

#include <stdexcept>
#include <string>
#include <string_view>

namespace gptkit {

/// Thrown by a job that stopped on a signal after saving; exit code 128 + signal.
class Stopped : public std::runtime_error {
 public:
  Stopped(int signal, const std::string& message) : std::runtime_error(message), signal_(signal) {}
  int signal() const { return signal_; }
  int exit_code() const { return 128 + signal_; }

 private:
  int signal_;
};

/// From now on these signals end the process with 128 + signal and a line that begins with
/// `program`. SIGHUP stays ignored where it was (nohup).
void end_on_stop_signals(const char* program);

/// Starts noting them.
void watch_stop_signals();

/// The signal that asked for the end, or 0.
int stop_signal();

/// For long loops: throws Stopped with this message if a signal asked for the end.
void stop_if_asked(std::string_view message);

}  // namespace gptkit
