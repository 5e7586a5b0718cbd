#include "distributed/rank_environment.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "base/files.h"

namespace gptkit {

namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

int64_t number(const char* name, int64_t least, int64_t most) {
  const auto text = variable(name);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(
      error == std::errc() && end == text.data() + text.size() && value >= least && value <= most,
      name, " is '", printable(text), "'; expected a number from ", least, " to ", most,
      ", as torchrun sets it");
  return value;
}

int64_t number_or(const char* name, int64_t missing, int64_t least, int64_t most) {
  return variable(name).empty() ? missing : number(name, least, most);
}

constexpr int64_t kMany = std::numeric_limits<int32_t>::max();

void read_master(RankEnvironment& ranks) {
  for (const char* name : {"MASTER_ADDR", "MASTER_PORT"}) {
    require(!variable(name).empty(), name, " is not set, but WORLD_SIZE is ", ranks.world_size,
            "; start the processes with torchrun or with ", Key{"nproc"},
            ", or set it to where rank 0 listens");
  }
  ranks.master_addr = variable("MASTER_ADDR");
  ranks.master_port = static_cast<uint16_t>(number("MASTER_PORT", 1, 65535));
  ranks.launcher_holds_store = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  ranks.listen_fd =
      static_cast<int>(number_or("GPTKIT_LISTEN_FD", -1, 0, std::numeric_limits<int>::max()));
}

}  // namespace

RankEnvironment rank_environment() {
  RankEnvironment ranks;
  const bool has_rank = !variable("RANK").empty(), has_size = !variable("WORLD_SIZE").empty();
  if (!has_rank && !has_size) return ranks;
  require(has_rank && has_size, has_rank ? "WORLD_SIZE" : "RANK", " is not set, but ",
          has_rank ? "RANK" : "WORLD_SIZE",
          " is; set both, as torchrun does, or neither to train in one process");
  ranks.world_size = number("WORLD_SIZE", 1, kMany);
  ranks.rank = number("RANK", 0, ranks.world_size - 1);
  ranks.local_world_size = number_or("LOCAL_WORLD_SIZE", 1, 1, ranks.world_size);
  ranks.local_rank = number_or("LOCAL_RANK", 0, 0, kMany);
  ranks.restarts = number_or("TORCHELASTIC_RESTART_COUNT", 0, 0, kMany);
  if (ranks.world_size > 1) read_master(ranks);
  return ranks;
}

bool may_be_restarted() { return !variable("TORCHELASTIC_RESTART_COUNT").empty(); }

std::string launch_identity() {
  // The launcher is our parent: its pid and start time (field 22 of its stat, in ticks since boot),
  // because pids are reused.
  const auto pid = ::getppid();
  const auto stat = read_file(concat("/proc/", pid, "/stat"));
  auto rest = std::string_view(stat).substr(stat.rfind(')') + 2);  // from field 3 on
  for (int field = 3; field < 22; ++field) rest.remove_prefix(rest.find(' ') + 1);
  return concat(pid, "-", rest.substr(0, rest.find(' ')));
}

}  // namespace gptkit
