#pragma once
// Finds the rank at fault when the ranks cannot continue. Each rank has a thread with its own
// connection to the store, and the thread signs there as soon as any rank raises the alarm. A rank
// that does not sign is gone (killed, stopped, cut off); a rank that signs but does not wait for
// the others hangs or is busy. Only for distributed.cpp: it brings c10d's headers.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

namespace gptkit {

class RollCall {
 public:
  struct Options {
    int64_t rank = 0, size = 1;
    std::string holder = {};               ///< of the store, for messages
    std::chrono::milliseconds grace = {};  ///< for the others to sign, and for the store to answer
  };
  /// `connection` is the thread's own.
  RollCall(c10::intrusive_ptr<c10d::Store> connection, Options options);
  ~RollCall();

  /// Whether this rank is waiting for the others.
  void set_waiting(bool waiting);
  /// True if any rank has raised the alarm: waiting for a rank is then pointless.
  bool is_alarmed() const;
  /// After a failed exchange: returns a sentence that names the rank at fault, or an empty string
  /// if all ranks are present and waiting.
  std::string find_fault();
  /// Raises the alarm with this rank's own reason, and waits until the others have read it.
  void announce(const std::string& message);

 private:
  struct Shared;
  enum class Wish { kNothing, kFindFault, kAnnounce, kEnd };
  static void run(const std::shared_ptr<Shared>& shared);
  std::string ask(Wish wish, const std::string& text);

  std::shared_ptr<Shared> shared_;  // outlives this object when the thread hangs in the store
};

}  // namespace gptkit
