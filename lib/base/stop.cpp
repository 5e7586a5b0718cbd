#include "base/stop.h"

#include <unistd.h>

#include <csignal>

namespace gptkit {

namespace {

volatile std::sig_atomic_t requested = 0;

void note(int signal) {
  if (requested != 0) _exit(128 + signal);
  requested = signal;
}

}  // namespace

void watch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int stop_signal() { return requested; }

}  // namespace gptkit
