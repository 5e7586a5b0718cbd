#include "train/precision.h"

#include <ATen/autocast_mode.h>

#include "kernels/bfloat16_gemm.h"

namespace gptkit {

Precision resolve_precision(Precision wanted, torch::Device device) {
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

bool LossScale::update(bool finite) {
  constexpr int64_t kPatience = 2000;
  ++steps_since;
  if (!finite) {
    scale /= 2;
    ++skipped;
    steps_since = 0;
  } else if (steps_since == kPatience) {
    scale *= 2;
    steps_since = 0;
  }
  return finite;
}

}  // namespace gptkit
