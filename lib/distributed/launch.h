#pragma once
// A training program starts itself several times on this machine, as torchrun would (--nproc N).

#include <cstdint>
#include <string>

namespace gptkit {

struct LaunchOutcome {
  int exit_code = 0;          // 0, or that of the first process that failed (1: a signal killed it)
  std::string messages = {};  // lines for standard error that rank 0 could not print itself
};

/// Runs argv again in `processes` processes, with RANK, WORLD_SIZE ... set, and waits for them.
/// Rank 0 uses the outputs of this process. SIGINT, SIGTERM and SIGHUP are passed on. None of the
/// processes outlives this one, even if it is killed. `program` begins the messages.
LaunchOutcome launch_ranks(const std::string& program, int64_t processes, char** argv);

/// True in a process that launch_ranks started.
bool is_launched();

}  // namespace gptkit
