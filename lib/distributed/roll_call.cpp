#include "distributed/roll_call.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "distributed/timed_store.h"

namespace gptkit {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kLookEvery = milliseconds(300);
constexpr auto kToRead = 5 * kLookEvery;  // time for the others to read a reason

constexpr const char* kAlarm = "alarm";
constexpr const char* kUnknown = "?";  // the alarm of a rank that does not know why

std::string sign(const char* key, int64_t rank) { return concat(key, rank); }

/// "rank 1", "ranks 1 and 4", "ranks 1, 4 and 5", "ranks 1, 2, 3 and 17 more".
std::string name_ranks(const std::vector<int64_t>& ranks) {
  constexpr size_t kShown = 3;
  std::string text = concat(ranks.size() > 1 ? "ranks " : "rank ", ranks.front());
  const size_t shown = ranks.size() > kShown + 1 ? kShown : ranks.size();
  for (size_t i = 1; i < shown; ++i) {
    text += concat(i + 1 == ranks.size() ? " and " : ", ", ranks[i]);
  }
  if (shown < ranks.size()) text += concat(" and ", ranks.size() - shown, " more");
  return text;
}

}  // namespace

struct RollCall::Shared {
  c10::intrusive_ptr<c10d::Store> store;
  int64_t rank, size;
  std::string holder;
  milliseconds grace;
  std::atomic<bool> waiting{false}, alarmed{false};

  std::mutex mutex;
  std::condition_variable changed;
  Wish wish = Wish::kNothing;
  std::string text;  // of the wish
  std::optional<std::string> answer;
  std::optional<Clock::time_point> due;  // when the thread, if at work, has to be done
  bool ended = false;
  std::thread thread;

  // The thread's own.
  bool has_signed = false, has_told = false;
  std::string reason;  // what a rank announced or found

  /// Signs and reads the alarm. When the alarm has a reason, confirms that this rank has read it.
  void read_alarm() {
    alarmed = true;
    if (!has_signed) store->set(sign("here/", rank), std::string(waiting ? "waiting" : "busy"));
    has_signed = true;
    if (const auto alarm = store->get_to_str(kAlarm); alarm != kUnknown) reason = alarm;
    if (reason.empty() || has_told) return;
    store->set(sign("told/", rank), std::string());
    has_told = true;
  }
  std::vector<int64_t> without(const char* key) const {
    std::vector<int64_t> ranks;
    for (int64_t r = 0; r < size; ++r) {
      if (!store->check({sign(key, r)})) ranks.push_back(r);
    }
    return ranks;
  }
  /// The ranks that have not signed within the grace period; returns early if a reason is known.
  std::vector<int64_t> call_the_roll() {
    const auto end = Clock::now() + grace;
    for (;;) {
      read_alarm();
      if (!reason.empty()) return {};
      auto ranks = without("here/");
      if (ranks.empty() || Clock::now() > end) return ranks;
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  std::vector<int64_t> busy() const {
    std::vector<int64_t> ranks;
    for (int64_t r = 0; r < size; ++r) {
      if (store->get_to_str(sign("here/", r)) == "busy") ranks.push_back(r);
    }
    return ranks;
  }

  std::string judge() {
    const auto gone = call_the_roll();
    if (!reason.empty()) return reason;
    if (!gone.empty()) {
      return concat(name_ranks(gone), " of ", size, gone.size() > 1 ? " do" : " does",
                    " not answer: killed, stopped or cut off from the network");
    }
    const auto late = busy();
    if (late.empty() || late.size() == static_cast<size_t>(size)) return {};
    return concat(name_ranks(late), " of ", size, late.size() > 1 ? " have" : " has",
                  " not joined the others: busy with something else, or hanging");
  }
  std::string find_fault() {
    store->compareSet(kAlarm, std::string(), std::string(kUnknown));
    auto fault = judge();
    if (!fault.empty()) tell(fault);
    return fault;
  }
  /// Publishes the reason and gives the others time to read it: the store may end with this
  /// process.
  void tell(const std::string& fault) {
    const auto alarm = store->compareSet(kAlarm, std::string(kUnknown), fault);
    reason = alarm.empty() ? fault : alarm;
    read_alarm();
    const auto end = Clock::now() + kToRead;
    while (without("told/").size() > without("here/").size() && Clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  void announce(const std::string& message) {
    store->compareSet(kAlarm, std::string(), std::string(kUnknown));
    tell(message);
    // Ranks that have not polled yet have not signed either.
    const auto end = Clock::now() + 3 * kLookEvery;
    while (!without("told/").empty() && Clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(20));
    }
  }

  std::string fulfil(Wish wanted, const std::string& about) {
    try {
      if (wanted == Wish::kFindFault) return find_fault();
      announce(about);
      return {};
    } catch (const NoAnswer&) {
      return reason.empty() ? silent() : reason;
    } catch (const std::exception&) {
      return reason.empty() ? lost() : reason;
    }
  }
  std::string lost() const {
    return concat(holder, ", where the ranks meet, is gone: killed, ended or cut off");
  }
  std::string silent() const {
    return concat(holder, ", where the ranks meet, does not answer: stopped or cut off");
  }
  void look() {
    try {
      if (!has_told && store->check({kAlarm})) read_alarm();
    } catch (const std::exception&) {  // told when somebody asks
    }
  }
};

RollCall::RollCall(c10::intrusive_ptr<c10d::Store> connection, Options options)
    : shared_(std::make_shared<Shared>()) {
  shared_->store = std::move(connection);
  shared_->rank = options.rank;
  shared_->size = options.size;
  shared_->holder = std::move(options.holder);
  shared_->grace = options.grace;
  shared_->thread = std::thread([shared = shared_] { run(shared); });
}

RollCall::~RollCall() {
  std::unique_lock lock(shared_->mutex);
  shared_->wish = Wish::kEnd;
  shared_->changed.notify_all();
  const bool ended =
      shared_->changed.wait_for(lock, shared_->grace, [this] { return shared_->ended; });
  lock.unlock();
  ended ? shared_->thread.join() : shared_->thread.detach();
}

void RollCall::set_waiting(bool waiting) { shared_->waiting = waiting; }

bool RollCall::is_alarmed() const { return shared_->alarmed; }

std::string RollCall::find_fault() { return ask(Wish::kFindFault, ""); }

void RollCall::announce(const std::string& message) { ask(Wish::kAnnounce, message); }

/// The store of a stopped process never answers, so the thread waits for it, not the caller.
std::string RollCall::ask(Wish wish, const std::string& text) {
  std::unique_lock lock(shared_->mutex);
  shared_->answer.reset();
  shared_->wish = wish;
  shared_->text = text;
  shared_->changed.notify_all();
  const auto asked = Clock::now();
  while (!shared_->answer) {
    // A thread that was already hanging has had its time.
    const auto end = std::max(asked + kLookEvery, shared_->due.value_or(asked + shared_->grace));
    if (Clock::now() >= end) {
      return shared_->silent();
    }
    shared_->changed.wait_until(lock, end);
  }
  return *shared_->answer;
}

void RollCall::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->changed.wait_for(lock, kLookEvery, [&] { return shared->wish != Wish::kNothing; });
    const auto wish = std::exchange(shared->wish, Wish::kNothing);
    if (wish == Wish::kEnd) break;
    const auto text = shared->text;
    const bool looks = wish == Wish::kNothing;
    shared->due = Clock::now() + shared->grace + (looks ? milliseconds(0) : 2 * kToRead);
    lock.unlock();
    std::optional<std::string> answer;
    if (looks) {
      shared->look();
    } else {
      answer = shared->fulfil(wish, text);
    }
    lock.lock();
    shared->due.reset();
    if (answer) shared->answer = std::move(answer);
    shared->changed.notify_all();
  }
  shared->ended = true;
  shared->changed.notify_all();
}

}  // namespace gptkit
