#include "kernels/fast_precision.h"

#include <atomic>

#include "base/log.h"
#include "kernels/dispatch.h"

namespace gptkit {

Precision resolve_precision(Precision wanted, torch::Device device) {
  const bool fast = device.is_cuda() || has_bfloat16_matmul();
  if (wanted == Precision::kAuto) return fast ? Precision::kBFloat16 : Precision::kFloat32;
  static std::atomic_flag warned;
  if (wanted == Precision::kBFloat16 && !fast && !warned.test_and_set()) {
    log_warning("precision bfloat16 is emulated on this processor and slower than float32; use ",
                "precision auto or float32");
  }
  return wanted;
}

}  // namespace gptkit
