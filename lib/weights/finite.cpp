#include "weights/finite.h"

#include <ATen/ops/aminmax.h>

#include <cmath>

namespace gptkit {

bool all_finite(const torch::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_floating_point() || tensor.numel() == 0) return true;
  const auto [lowest, highest] = at::aminmax(tensor);  // NaN spreads through both
  return std::isfinite(lowest.item<double>()) && std::isfinite(highest.item<double>());
}

}  // namespace gptkit
