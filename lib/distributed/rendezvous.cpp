#include "distributed/rendezvous.h"

#include <c10/util/Logging.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#if defined(USE_C10D_NCCL) && __has_include(<nccl.h>)
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#define GPTKIT_NCCL 1
#endif

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "distributed/network.h"
#include "distributed/timed_store.h"

namespace gptkit {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::chrono_literals;

/// c10d logs every lost connection with a backtrace. Our own errors report it instead.
void quieten() {
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = 3;
}

/// A connection to the store; with `serve` the store itself.
StorePtr open_store(const RankEnvironment& ranks, milliseconds timeout, bool serve) {
  c10d::TCPStoreOptions options;
  options.port = ranks.master_port;
  options.isServer = serve;
  options.waitWorkers = false;
  options.timeout = timeout;
  if (serve && ranks.listen_fd >= 0) options.masterListenFd = ranks.listen_fd;
  return c10::make_intrusive<c10d::TCPStore>(ranks.master_addr, options);
}

/// A launcher that restarts the ranks may keep its store.
StorePtr of_this_start(const StorePtr& store, const RankEnvironment& ranks) {
  return c10::make_intrusive<c10d::PrefixStore>(concat("gptkit/", ranks.restarts), store);
}

StorePtr reach_store(const RankEnvironment& ranks, seconds timeout, bool serve) {
  const auto place = concat(ranks.master_addr, ":", ranks.master_port);
  try {
    // If nobody listens, c10d fails at the timeout. If the listener never answers, c10d would wait
    // forever.
    constexpr auto kToTell = 300ms;
    const auto open = [=] { return open_store(ranks, timeout, serve); };
    const TimedStore::Limits limits{timeout + kToTell, Patience(timeout).roll_call};
    auto store = c10::make_intrusive<TimedStore>(open, limits);
    store->setTimeout(timeout);
    return of_this_start(store, ranks);
  } catch (const std::exception& error) {
    if (serve) {
      fail_runtime("rank 0 cannot listen on MASTER_PORT ", ranks.master_port, " (",
                   first_line(error), "); choose another port");
    }
    fail_runtime("rank ", ranks.rank, " cannot reach ", place, " within ", timeout.count(), " s (",
                 first_line(error),
                 "); start rank 0 there, and check MASTER_ADDR, MASTER_PORT and "
                 "the firewall");
  }
}

constexpr const char* kYes = "yes";

/// Rank 0 waits and publishes the result: kYes, or which rank is missing.
std::string wait_for_all(c10d::Store& store, const RankEnvironment& ranks, seconds timeout) {
  std::vector<std::string> keys;
  for (int64_t r = 0; r < ranks.world_size; ++r) keys.push_back(concat("joined/", r));
  std::string verdict = kYes;
  try {
    store.wait(keys, timeout);
  } catch (const std::exception&) {
    const auto absent = std::find_if(keys.begin(), keys.end(),
                                     [&](const auto& key) { return !store.check({key}); });
    verdict = concat("rank ", std::distance(keys.begin(), absent), " of ", ranks.world_size,
                     " did not connect to ", ranks.master_addr, ":", ranks.master_port, " within ",
                     timeout.count(), " s; start it, or start all with a smaller WORLD_SIZE");
  }
  store.set("all_here", verdict);
  if (verdict != kYes)
    std::this_thread::sleep_for(milliseconds(500));  // the store ends with this process
  return verdict;
}

/// Waits until every rank has joined, each once and all with the same WORLD_SIZE.
void gather_ranks(c10d::Store& store, const RankEnvironment& ranks, seconds timeout) {
  const auto size = concat(ranks.world_size);
  const auto agreed = store.compareSet("world_size", std::string(), size);
  require(agreed == size, "WORLD_SIZE is ", size, " for rank ", ranks.rank, " and ", agreed,
          " for another one; start all ranks with the same WORLD_SIZE");
  require(store.add(concat("joined/", ranks.rank), 1) == 1, "RANK ", ranks.rank,
          " is taken by another process; give every process its own RANK");
  const auto verdict =
      ranks.is_main() ? wait_for_all(store, ranks, timeout) : store.get_to_str("all_here");
  if (verdict != kYes) fail_runtime(verdict);
}

auto gloo_devices(const RankEnvironment& ranks) {
  std::vector<std::shared_ptr<gloo::transport::Device>> devices;
  const auto interfaces = interfaces_to_use();
  for (const auto& name : interfaces) {
    devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
  }
  if (interfaces.empty()) {
    const bool all_here = ranks.local_world_size == ranks.world_size;
    devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(
        address_towards(ranks.master_addr, all_here)));
  }
  return devices;
}

void add_nccl([[maybe_unused]] c10d::ProcessGroup& group, [[maybe_unused]] const StorePtr& store,
              [[maybe_unused]] milliseconds timeout) {
#ifdef GPTKIT_NCCL
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  group.setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL,
                   c10::make_intrusive<c10d::ProcessGroupNCCL>(
                       store, group.getRank(), group.getSize(), std::move(options)));
#else
  fail(
      "several processes on GPUs need LibTorch with NCCL, and nccl.h when gptkit is built; train "
      "with ",
      Key{"device"}, " cpu, or in one process");
#endif
}

}  // namespace

std::string first_line(const std::exception& error) {
  const std::string text = error.what();
  return printable(text.substr(0, text.find('\n')), 300);
}

Patience::Patience(seconds timeout) {
  // Time for the others to sign: their threads poll, on machines that may be busy.
  roll_call = std::clamp<milliseconds>(timeout / 4, 2s, 5s);
  exchange = std::max<milliseconds>(timeout - roll_call, timeout / 2);
}

StorePtr reach_store(const RankEnvironment& ranks, seconds timeout) {
  return reach_store(ranks, timeout, /*serve=*/false);
}

StorePtr meet(const RankEnvironment& ranks, seconds timeout) {
  quieten();
  interfaces_to_use();  // a wrong name is reported before waiting for others
  const bool serve = ranks.is_main() && !ranks.launcher_holds_store;
  const auto store = reach_store(ranks, timeout, serve);
  try {
    // The others give rank 0 time to report who is missing.
    store->setTimeout(timeout + seconds(ranks.is_main() ? 0 : 2));
    gather_ranks(*store, ranks, timeout);
    store->setTimeout(timeout);
    return store;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail_runtime("rank ", ranks.rank, " lost the store at ", ranks.master_addr, ":",
                 ranks.master_port, " while the ranks met (", first_line(error),
                 "); check that rank 0 runs there, and read its messages");
  }
}

GroupPtr connect_ranks(const StorePtr& store, const RankEnvironment& ranks, milliseconds timeout,
                       torch::Device device) {
  const int rank = static_cast<int>(ranks.rank), size = static_cast<int>(ranks.world_size);
  const auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices = gloo_devices(ranks);
  auto group = c10::make_intrusive<c10d::ProcessGroup>(store, rank, size);
  group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO,
                    c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options));
  group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  // NCCL's own threads query the store while it waits for others; with one connection they would
  // wait for each other.
  if (device.is_cuda()) {
    add_nccl(*group, of_this_start(open_store(ranks, timeout, /*serve=*/false), ranks), timeout);
  }
  return group;
}

}  // namespace gptkit
