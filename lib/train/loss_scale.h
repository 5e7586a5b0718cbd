#pragma once
// Loss scaling for float16 training.

#include <cstdint>

namespace gptkit {

/// What a float16 loss is multiplied with, so that small gradients are not rounded to nothing: as
/// large as it goes, halved when a gradient overflows (that step is left out), doubled after 2,000
/// steps without (torch.amp.GradScaler, arXiv:1710.03740).
struct LossScale {
  double scale = 65536;
  int64_t steps_since = 0;  ///< steps since it changed
  int64_t skipped = 0;      ///< steps left out in the whole run

  /// Takes note of a step; whether its update may be done.
  bool update(bool finite);
  bool operator==(const LossScale&) const = default;
};

}  // namespace gptkit
