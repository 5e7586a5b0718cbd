#pragma once
// Rendezvous of the ranks: a TCPStore, then connections between them. Only for distributed.cpp and
// gradient_sum.cpp: it brings c10d's headers.

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "base/error.h"
#include "distributed/roll_call.h"
#include "distributed/world.h"

namespace gptkit {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using GroupPtr = c10::intrusive_ptr<c10d::ProcessGroup>;

/// The parts of a timeout: at most `exchange` to wait for the others, then `roll_call` to find the
/// rank at fault, so that everything ends within the timeout (if it is 4 s or more).
struct Patience {
  explicit Patience(std::chrono::seconds timeout);
  std::chrono::milliseconds exchange, roll_call;
};

/// One more connection to the store, opened within the timeout; fails naming the place.
StorePtr reach_store(const RankEnvironment& ranks, std::chrono::seconds timeout);
/// Opens the store and waits until every rank has joined, each once and all with the same
/// WORLD_SIZE. Fails naming the rank that is missing or wrong.
StorePtr meet(const RankEnvironment& ranks, std::chrono::seconds timeout);
/// Gloo's connections, and NCCL's when the device is a GPU.
GroupPtr connect_ranks(const StorePtr& store, const RankEnvironment& ranks,
                       std::chrono::milliseconds timeout, torch::Device device);

/// The first line of a LibTorch message; a backtrace follows it.
std::string first_line(const std::exception& error);

struct World::Connection {
  StorePtr store;
  GroupPtr group;
  std::unique_ptr<RollCall> roll;
  std::chrono::milliseconds patience;  // for another rank
  int64_t comparisons = 0;             // keys of require_same

  /// The value of a key that another rank will set.
  std::string wait_for(const std::string& key) const;
};

/// While this object exists, this rank counts as waiting for the others.
class Waiting {
 public:
  explicit Waiting(RollCall& roll) : roll_(roll) { roll_.set_waiting(true); }
  ~Waiting() { roll_.set_waiting(false); }

 private:
  RollCall& roll_;
};

template <class Talk>
std::invoke_result_t<Talk> World::guarded(Talk&& talk) {
  const Waiting here(*connection_->roll);
  try {
    return talk();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    lost(first_line(error));
  }
}

}  // namespace gptkit
