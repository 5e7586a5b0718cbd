#include "train/precision.h"

#include <ATen/autocast_mode.h>

#include "base/error.h"
#include "kernels/bfloat16_gemm.h"

namespace gptkit {

Precision resolve_precision(Precision wanted, torch::Device device) {
  require(wanted != Precision::kFloat16 || device.is_cuda(),
          "train.precision: float16 needs a CUDA device; expected float32, bfloat16 or auto here");
  if (wanted != Precision::kAuto) return wanted;
  const bool fast = device.is_cuda() || has_bfloat16_gemm();
  return fast ? Precision::kBFloat16 : Precision::kFloat32;
}

PrecisionScope::PrecisionScope(Precision wanted, torch::Device device)
    : device_(device.type()),
      was_on_(at::autocast::is_autocast_enabled(device_)),
      was_type_(at::autocast::get_autocast_dtype(device_)) {
  const auto precision = resolve_precision(wanted, device);
  const auto type = precision == Precision::kFloat16 ? torch::kFloat16 : torch::kBFloat16;
  at::autocast::set_autocast_dtype(device_, type);
  at::autocast::set_autocast_enabled(device_, precision != Precision::kFloat32);
  at::autocast::increment_nesting();
}

PrecisionScope::~PrecisionScope() {
  // Casts of weights are kept while the scope lasts: after a step they are stale.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_on_);
  at::autocast::set_autocast_dtype(device_, was_type_);
}

}  // namespace gptkit
