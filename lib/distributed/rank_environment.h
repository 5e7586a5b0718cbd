#pragma once
// The rank of this process and the number of processes: the environment variables of torchrun, and
// our own. No LibTorch here, because launchers include this header.

#include <cstdint>
#include <string>

namespace gptkit {

/// A single process if no variable is set.
struct RankEnvironment {
  int64_t rank = 0, world_size = 1;              ///< RANK, WORLD_SIZE
  int64_t local_rank = 0, local_world_size = 1;  ///< on this machine: LOCAL_RANK, LOCAL_WORLD_SIZE
  std::string master_addr;                       ///< MASTER_ADDR: rank 0's name or IPv4 address
  uint16_t master_port = 0;                      ///< MASTER_PORT
  bool launcher_holds_store = false;             ///< TORCHELASTIC_USE_AGENT_STORE: rank 0 need not
  int64_t restarts = 0;                          ///< TORCHELASTIC_RESTART_COUNT
  int listen_fd = -1;  ///< GPTKIT_LISTEN_FD: a socket that listens on master_port, for rank 0

  bool is_main() const { return rank == 0; }
};

/// Reads it. Fails naming the variable that is missing or out of range.
RankEnvironment rank_environment();

/// True under a launcher that restarts the processes if one of them dies.
bool may_be_restarted();
/// An identifier of the launch that this process belongs to. It is the same after a restart by the
/// launcher, and different for every other launch on this machine.
std::string launch_identity();

}  // namespace gptkit
