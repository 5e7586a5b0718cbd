#include "tensors/finite.h"

#include <ATen/ops/aminmax.h>

#include <cmath>

#include "base/error.h"

namespace gptkit {

bool all_finite(const torch::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_floating_point() || tensor.numel() == 0) return true;
  const auto [lowest, highest] = at::aminmax(tensor);  // both are NaN if any element is NaN
  return std::isfinite(lowest.item<double>()) && std::isfinite(highest.item<double>());
}

void require_finite_results(const torch::Tensor& results, const std::string& model) {
  if (all_finite(results)) return;
  fail_runtime(
      model.empty() ? "the model" : printable(model),
      ": its results are NaN or infinite: the weights are finite, but too large to compute "
      "with; they may come from a training that diverged or a wrong conversion, so use an "
      "earlier checkpoint, convert the model again, or try ",
      Key{"precision"}, " float32 where lower precision is used");
}

}  // namespace gptkit
