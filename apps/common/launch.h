#pragma once
// --nproc N: a training program starts itself N times on this machine, as torchrun would.

#include <cstdint>

namespace gptkit {

/// Runs argv again in `processes` processes, with RANK, WORLD_SIZE ... set, and returns their exit
/// code: 0, or that of the first that failed (1 when a signal killed it). Rank 0 has our outputs;
/// what the others said on standard error is shown when rank 0 could not tell what went wrong.
/// SIGINT, SIGTERM and SIGHUP are passed on. None of them outlives us, even if we are killed.
int launch_ranks(const char* program, int64_t processes, char** argv);

/// True in a process that launch_ranks started.
bool is_launched();

}  // namespace gptkit
