#include "base/thread_team.h"

#include <algorithm>
#include <system_error>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gptkit {

namespace {

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

constexpr int kSpinsAtBarrier = 4000;  // some 20 to 100 microseconds
constexpr int kSpinsForWork = 20000;   // the time between two steps of decoding

/// Waits until `counter` is no longer `old`: spinning at first, then asleep.
void wait_for_change(const std::atomic<uint32_t>& counter, uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (counter.load(std::memory_order_acquire) != old) return;
    pause();
  }
  counter.wait(old, std::memory_order_acquire);
}

}  // namespace

WorkShare share_of(int64_t count, int index, int parts) {
  return {count * index / parts, count * (index + 1) / parts};
}

ThreadTeam::ThreadTeam(int threads) {
  members_.reserve(static_cast<std::size_t>(std::max(threads, 1) - 1));
  try {
    for (int i = 1; i < threads; ++i) members_.emplace_back([this, i] { serve(i); });
  } catch (const std::system_error&) {  // those there are do the work
  }
}

ThreadTeam::~ThreadTeam() {
  ends_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
}

void ThreadTeam::serve(int index) {
  for (uint32_t seen = 0;;) {
    wait_for_change(round_, seen, kSpinsForWork);
    seen = round_.load(std::memory_order_acquire);
    if (ends_) return;
    (*work_)(index);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void ThreadTeam::run(const std::function<void(int)>& work) {
  work_ = &work;
  running_.store(static_cast<uint32_t>(members_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  work(0);
  while (const uint32_t left = running_.load(std::memory_order_acquire)) {
    wait_for_change(running_, left, kSpinsAtBarrier);
  }
}

void ThreadTeam::barrier() {
  const uint32_t before = passed_.load(std::memory_order_acquire);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 < size()) {
    wait_for_change(passed_, before, kSpinsAtBarrier);
    return;
  }
  waiting_.store(0, std::memory_order_relaxed);
  passed_.fetch_add(1, std::memory_order_release);
  passed_.notify_all();
}

}  // namespace gptkit
