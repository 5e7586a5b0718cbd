#pragma once
// A store with a time limit for every operation: c10d's TCPStore waits without limit for a server
// that is stopped, or that is not a TCPStore. Only for rendezvous.cpp: it brings c10d's headers.

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <type_traits>
#include <vector>

namespace gptkit {

/// The store did not answer.
struct NoAnswer : std::runtime_error {
  NoAnswer() : std::runtime_error("something accepts connections there and says nothing") {}
};

/// Passes operations to its own thread, one after the other, and waits for a limited time. After
/// the first timeout all further operations fail immediately.
class TimedStore : public c10d::Store {
 public:
  using Base = c10::intrusive_ptr<c10d::Store>;

  /// Time limits for opening the store and for the answer to an operation. An operation that waits
  /// for other ranks must answer at the end of that time; a second later it counts as unanswered.
  struct Limits {
    std::chrono::milliseconds open, answer;
  };
  /// Opens the store in the thread. Throws NoAnswer after a time limit.
  TimedStore(std::function<Base()> open, const Limits& limits);
  ~TimedStore() override;
  TimedStore(const TimedStore&) = delete;
  TimedStore& operator=(const TimedStore&) = delete;

  using Store::compareSet;
  using Store::set;
  Base clone() override;
  void set(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> compareSet(const std::string& key, const std::vector<uint8_t>& current,
                                  const std::vector<uint8_t>& wanted) override;
  std::vector<uint8_t> get(const std::string& key) override;
  int64_t add(const std::string& key, int64_t value) override;
  bool deleteKey(const std::string& key) override;
  bool check(const std::vector<std::string>& keys) override;
  int64_t getNumKeys() override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override;
  void setTimeout(const std::chrono::milliseconds& timeout) override;

 private:
  struct Line;
  void end();
  template <class Operation>
  std::invoke_result_t<Operation, Base&> ask(std::chrono::milliseconds limit, Operation operation);

  std::chrono::milliseconds answer_;
  std::shared_ptr<Line> line_;  // outlives this object when the thread hangs in the store
  bool silent_ = false;
};

}  // namespace gptkit
