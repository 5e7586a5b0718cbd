#include "distributed/timed_store.h"

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace gptkit {

using std::chrono::milliseconds;

constexpr auto kMore = milliseconds(1000);  // than a waiting operation waits

/// The queue of the thread.
struct TimedStore::Line {
  Base store;  // the thread's own
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> operations;
  bool ended = false;
  std::thread thread;

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ended || !operations.empty(); });
      if (ended) return;
      const auto next = std::move(operations.front());
      operations.pop_front();
      lock.unlock();
      next();
      lock.lock();
    }
  }
};

TimedStore::TimedStore(std::function<Base()> open, const Limits& limits)
    : answer_(limits.answer), line_(std::make_shared<Line>()) {
  line_->thread = std::thread([line = line_] { line->run(); });
  try {
    ask(limits.open, [open = std::move(open)](Base& store) { store = open(); });
  } catch (...) {
    end();
    throw;
  }
}

TimedStore::~TimedStore() { end(); }

void TimedStore::end() {
  {
    const std::scoped_lock lock(line_->mutex);
    line_->ended = true;
  }
  line_->changed.notify_all();
  silent_ ? line_->thread.detach() : line_->thread.join();
}

template <class Operation>
std::invoke_result_t<Operation, TimedStore::Base&> TimedStore::ask(milliseconds limit,
                                                                   Operation operation) {
  using Result = std::invoke_result_t<Operation, Base&>;
  auto promise = std::make_shared<std::packaged_task<Result(Base&)>>(std::move(operation));
  auto result = promise->get_future();
  if (!silent_) {
    const std::scoped_lock lock(line_->mutex);
    line_->operations.push_back([promise, line = line_.get()] { (*promise)(line->store); });
    line_->changed.notify_all();
  }
  if (silent_ || result.wait_for(limit) != std::future_status::ready) {
    silent_ = true;
    throw NoAnswer();
  }
  return result.get();
}

TimedStore::Base TimedStore::clone() { return Base::unsafe_reclaim_from_nonowning(this); }

void TimedStore::set(const std::string& key, const std::vector<uint8_t>& value) {
  ask(answer_, [=](Base& store) { store->set(key, value); });
}

std::vector<uint8_t> TimedStore::compareSet(const std::string& key,
                                            const std::vector<uint8_t>& current,
                                            const std::vector<uint8_t>& wanted) {
  return ask(answer_, [=](Base& store) { return store->compareSet(key, current, wanted); });
}

std::vector<uint8_t> TimedStore::get(const std::string& key) {
  return ask(timeout_ + kMore, [=](Base& store) { return store->get(key); });
}

int64_t TimedStore::add(const std::string& key, int64_t value) {
  return ask(answer_, [=](Base& store) { return store->add(key, value); });
}

bool TimedStore::deleteKey(const std::string& key) {
  return ask(answer_, [=](Base& store) { return store->deleteKey(key); });
}

bool TimedStore::check(const std::vector<std::string>& keys) {
  return ask(answer_, [=](Base& store) { return store->check(keys); });
}

int64_t TimedStore::getNumKeys() {
  return ask(answer_, [](Base& store) { return store->getNumKeys(); });
}

void TimedStore::wait(const std::vector<std::string>& keys) { wait(keys, timeout_); }

void TimedStore::wait(const std::vector<std::string>& keys, const milliseconds& timeout) {
  ask(timeout + kMore, [=](Base& store) { store->wait(keys, timeout); });
}

void TimedStore::setTimeout(const milliseconds& timeout) {
  timeout_ = timeout;
  ask(answer_, [=](Base& store) { store->setTimeout(timeout); });
}

}  // namespace gptkit
