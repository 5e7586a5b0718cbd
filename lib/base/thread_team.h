#pragma once
// A few threads that work in step: what one of them wrote before a barrier, all of them see behind
// it. For work of microseconds between barriers, where starting threads would cost more than the
// work itself; base/parallel.h is for everything else.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace gptkit {

/// A share of some work: [begin, end).
struct WorkShare {
  int64_t begin, end;
};
/// Part `index` of `parts` of `count` items in order; parts differ by at most one item.
WorkShare share_of(int64_t count, int index, int parts);

class ThreadTeam {
 public:
  /// At least one thread; the caller of run() is one of them. Starts fewer if the system refuses.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(members_.size()) + 1; }

  /// Calls work(0) on this thread and work(1) ... work(size() - 1) on the others; returns when all
  /// are done. `work` must not throw: the others would wait for the one that did.
  void run(const std::function<void(int)>& work);

  /// Waits until every member of the running work is here. Spins for some microseconds, because
  /// that is how long shares differ, and sleeps after that: another process may have the core.
  void barrier();

 private:
  void serve(int index);

  std::vector<std::jthread> members_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<uint32_t> round_{0};    // counts the calls of run()
  std::atomic<uint32_t> running_{0};  // members that have not finished the round
  std::atomic<int> waiting_{0};       // members at the barrier
  std::atomic<uint32_t> passed_{0};   // counts barriers
  std::atomic<bool> ends_{false};
};

}  // namespace gptkit
