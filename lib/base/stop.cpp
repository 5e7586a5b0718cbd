#include "base/stop.h"

#include <unistd.h>

#include <csignal>
#include <cstring>

#include "base/temporaries.h"

namespace gptkit {

namespace {

volatile std::sig_atomic_t requested = 0;
const char* program_name = "";

void say(const char* text) { [[maybe_unused]] const auto n = ::write(2, text, std::strlen(text)); }

void end(int signal) {
  const bool unfinished = remove_temporaries();
  if (::isatty(2)) say("\n");  // behind ^C and a progress bar
  say(program_name);
  say(": stopped by ");
  say(signal == SIGINT    ? "Ctrl-C"
      : signal == SIGTERM ? "SIGTERM"
      : signal == SIGHUP  ? "SIGHUP"
                          : "SIGXCPU (ulimit -t)");
  say(unfinished ? "; the unfinished output is removed\n" : "\n");
  _exit(128 + signal);
}

void note(int signal) {
  if (requested != 0) {
    remove_temporaries();
    _exit(128 + signal);
  }
  requested = signal;
}

void on_stop_signals(void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigfillset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU}) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    if (signal == SIGHUP && before.sa_handler == SIG_IGN) continue;  // nohup
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void end_on_stop_signals(const char* program) {
  program_name = program;
  on_stop_signals(end, 0);
}

void watch_stop_signals() { on_stop_signals(note, SA_RESTART); }

int stop_signal() { return requested; }

void stop_if_asked(std::string_view message) {
  if (stop_signal() != 0) throw Stopped(stop_signal(), std::string(message));
}

}  // namespace gptkit
