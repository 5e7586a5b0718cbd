#pragma once
// Several processes that train one model together: PyTorch's c10d, with a TCPStore to meet at and
// Gloo (CPU) or NCCL (CUDA) between them. c10d's headers stay in the .cpp files (rendezvous.h,
// roll_call.h).

#include <torch/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>

#include "distributed/rank_environment.h"

namespace gptkit {

/// The processes that train together, as one of them sees them. What talks to the others has to be
/// called by all ranks in the same order; when that fails, the Error (kRuntime) names the rank that
/// is at fault, after at most the timeout and a few seconds. Alone, nothing of it does anything.
class World {
 public:
  World();  ///< one process alone
  World(const RankEnvironment& ranks, std::chrono::seconds timeout, torch::Device device);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Meets the others; waits for them up to the timeout. `device` decides between Gloo and NCCL.
  /// Does nothing when it has joined before.
  void join(const RankEnvironment& ranks, std::chrono::seconds timeout, torch::Device device);

  int64_t rank() const { return ranks_.rank; }
  int64_t size() const { return ranks_.world_size; }
  /// Rank 0, the one that writes.
  bool is_main() const { return ranks_.is_main(); }

  /// Fails on every rank, naming the first rank whose text differs from rank 0's and the first line
  /// that does. For what would otherwise end in an abort deep inside Gloo.
  void require_same(const std::string& what, const std::string& text);
  /// The sum over all ranks, the same bits on each.
  void sum_(torch::Tensor& tensor);
  double sum(double value);
  void broadcast_(torch::Tensor& tensor, int64_t from = 0);
  std::string broadcast_text(const std::string& text, int64_t from = 0);

  /// Tells the others why this rank is about to end, so that they can name the reason.
  void announce_failure(const std::string& message) noexcept;
  /// Talking to the others failed, or this rank told them that it ends. LibTorch's threads may hang
  /// then: leave with _exit.
  bool is_broken() const { return broken_; }

 private:
  friend class GradientSum;
  struct Connection;
  /// Runs `talk` and makes a failure of it an Error that names who is at fault.
  template <class Talk>
  std::invoke_result_t<Talk> guarded(Talk&& talk);
  [[noreturn]] void lost(const std::string& what);

  RankEnvironment ranks_;
  std::unique_ptr<Connection> connection_;
  bool broken_ = false;
};

}  // namespace gptkit
