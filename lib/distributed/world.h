#pragma once
// Several processes that train one model together: PyTorch's c10d, with a TCPStore for the
// rendezvous and Gloo (CPU) or NCCL (CUDA) for communication. c10d's headers stay in the .cpp files
// (rendezvous.h, roll_call.h).

#include <torch/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>

#include "distributed/rank_environment.h"

namespace gptkit {

/// The processes that train together. All ranks must call the functions that communicate in the
/// same order. If communication fails, the Error (kRuntime) names the rank at fault, after at most
/// the timeout and a few seconds. In a single process these functions do nothing.
class World {
 public:
  World();  ///< one process alone
  World(const RankEnvironment& ranks, std::chrono::seconds timeout, torch::Device device);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Joins the other ranks; waits for them up to the timeout. `device` decides between Gloo and
  /// NCCL. Does nothing if it has already joined.
  void join(const RankEnvironment& ranks, std::chrono::seconds timeout, torch::Device device);

  int64_t rank() const { return ranks_.rank; }
  int64_t size() const { return ranks_.world_size; }
  /// Whether this is rank 0, which writes.
  bool is_main() const { return ranks_.is_main(); }

  /// Fails on every rank, naming the first rank whose text differs from rank 0's and the first line
  /// that does. Prevents an abort inside Gloo.
  void require_same(const std::string& what, const std::string& text);
  /// The sum over all ranks, the same bits on each.
  void sum_(torch::Tensor& tensor);
  double sum(double value);
  void broadcast_(torch::Tensor& tensor, int64_t from = 0);
  std::string broadcast_text(const std::string& text, int64_t from = 0);

  /// Tells the others why this rank is about to end, so that they can report the reason.
  void announce_failure(const std::string& message) noexcept;
  /// Communication failed, or this rank announced its end. LibTorch's threads may hang then: exit
  /// with _exit.
  bool is_broken() const { return broken_; }

 private:
  friend class GradientSum;
  struct Connection;
  /// Runs `talk` and turns a failure into an Error that names the rank at fault.
  template <class Talk>
  std::invoke_result_t<Talk> guarded(Talk&& talk);
  [[noreturn]] void lost(const std::string& what);

  RankEnvironment ranks_;
  std::unique_ptr<Connection> connection_;
  bool broken_ = false;
};

}  // namespace gptkit
