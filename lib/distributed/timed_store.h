#pragma once
// A store whose every operation ends: c10d's TCPStore waits without limit for a server that is
// stopped, or that is none of its own. Only for rendezvous.cpp: it brings c10d's headers.

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <type_traits>
#include <vector>

namespace gptkit {

/// The store said nothing.
struct NoAnswer : std::runtime_error {
  NoAnswer() : std::runtime_error("something accepts connections there and says nothing") {}
};

/// Hands operations to a thread of its own, one after the other, and waits so long and no longer.
/// After the first one without an answer the others fail at once.
class TimedStore : public c10d::Store {
 public:
  using Base = c10::intrusive_ptr<c10d::Store>;

  /// How long to wait for the store to be opened, and for the answer to an operation. One that is
  /// told to wait for others answers by itself at the end of that time, or a second later never.
  struct Limits {
    std::chrono::milliseconds open, answer;
  };
  /// Opens the store in the thread. Throws NoAnswer when a limit is over.
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
