#include "base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace gptkit {
namespace {

/// The processors this thread may run on. Machines with more than 1024 need a larger set.
std::vector<int> allowed_processors() {
  for (int most = 1024; most <= (1 << 20); most *= 4) {
    cpu_set_t* const set = CPU_ALLOC(most);
    const std::size_t bytes = CPU_ALLOC_SIZE(most);
    std::vector<int> allowed;
    const bool known = set && ::sched_getaffinity(0, bytes, set) == 0;
    for (int i = 0; known && i < most; ++i) {
      if (CPU_ISSET_S(i, bytes, set)) allowed.push_back(i);
    }
    CPU_FREE(set);
    if (known) return allowed;
  }
  return {};
}

}  // namespace

int physical_cores() {
  std::set<std::string> cores;  // processors of one core name the same list of siblings
  for (const int processor : allowed_processors()) {
    const std::string id = std::to_string(processor);
    std::ifstream file("/sys/devices/system/cpu/cpu" + id + "/topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) && !siblings.empty() ? siblings : id);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

int startable_threads(int wanted) {
  std::mutex gate;
  std::vector<std::jthread> started;
  const std::scoped_lock lock(gate);  // they wait until all are there
  try {
    while (std::ssize(started) + 1 < wanted) {
      started.emplace_back([&gate] { const std::scoped_lock wait(gate); });
    }
  } catch (const std::system_error&) {
  }
  return static_cast<int>(started.size()) + 1;
}

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::exception_ptr error;
  std::size_t error_index = std::numeric_limits<std::size_t>::max();

  // Indices are handed out in order, so those below a failed one are done or under way: waiting
  // for them is enough to know the lowest failure.
  const auto work = [&] {
    while (!failed) {
      const std::size_t i = next++;
      if (i >= count) return;
      try {
        body(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        failed = true;
        if (i < error_index) {
          error_index = i;
          error = std::current_exception();
        }
      }
    }
  };

  {
    const auto wanted = std::min(count, static_cast<std::size_t>(std::max(threads, 1)));
    std::vector<std::jthread> helpers;
    helpers.reserve(wanted);
    try {
      while (helpers.size() + 1 < wanted) helpers.emplace_back(work);
    } catch (const std::system_error&) {  // no more threads to be had: those there are do the work
    }
    work();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace gptkit
