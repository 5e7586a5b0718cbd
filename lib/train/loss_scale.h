#pragma once
// Loss scaling for float16 training.

#include <cstdint>

namespace gptkit {

/// The factor of a float16 loss that keeps small gradients from underflow. It is halved when a
/// gradient overflows (that update is skipped) and doubled after 2,000 steps without overflow
/// (torch.amp.GradScaler, arXiv:1710.03740).
struct LossScale {
  double scale = 65536;
  int64_t steps_since = 0;  ///< steps since it changed
  int64_t skipped = 0;      ///< steps skipped in the whole run

  /// Records a step. Returns whether its update may be applied.
  bool update(bool finite);
  bool operator==(const LossScale&) const = default;
};

}  // namespace gptkit
