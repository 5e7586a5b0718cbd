#pragma once
// Cooperative shutdown. By default SIGINT, SIGTERM, SIGHUP and SIGXCPU end the process at once and
// remove temporary files. A job with something to save (training) calls watch_stop_signals(): then
// the first signal only sets a flag, so that the job can save; the second ends the process at once.

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

/// From now on the first signal sets the flag that stop_signal() reads.
void watch_stop_signals();

/// The signal that arrived, or 0.
int stop_signal();

/// For long loops: throws Stopped with this message if a signal arrived.
void stop_if_asked(std::string_view message);

}  // namespace gptkit
