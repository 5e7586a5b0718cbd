#include "tensors/precision.h"

#include <ATen/autocast_mode.h>
#include <c10/util/Exception.h>

namespace gptkit {

PrecisionScope::PrecisionScope(Precision precision, torch::Device device)
    : device_(device.type()),
      was_on_(at::autocast::is_autocast_enabled(device_)),
      was_type_(at::autocast::get_autocast_dtype(device_)) {
  TORCH_INTERNAL_ASSERT(precision != Precision::kAuto);
  const auto type = precision == Precision::kFloat16 ? torch::kFloat16 : torch::kBFloat16;
  at::autocast::set_autocast_dtype(device_, type);
  at::autocast::set_autocast_enabled(device_, precision != Precision::kFloat32);
  at::autocast::increment_nesting();
}

PrecisionScope::~PrecisionScope() {
  // Casts of weights are cached in the scope and are stale after a step.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_on_);
  at::autocast::set_autocast_dtype(device_, was_type_);
}

}  // namespace gptkit
