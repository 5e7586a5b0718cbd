#include "kernels/norm.h"

#include "kernels/dispatch.h"
#include "kernels/matmul.h"
#include "kernels/reference/reference.h"

namespace gptkit {

namespace {

using torch::Tensor;

bool fits(const Tensor& x, const Tensor& weight) {
  constexpr int64_t kStep = 16;  // elements of a row
  const auto plain = [](const Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat32;
  };
  return plain(x) && plain(weight) && weight.is_contiguous() && x.numel() > 0 &&
         x.size(-1) % kStep == 0 && autocast_to_bfloat16();
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  return reference::layer_norm(x, weight, bias, epsilon);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  return reference::rms_norm(x, weight, epsilon);
}

Tensor rms_norm_for_matmul(const Tensor& x, const Tensor& weight, double epsilon) {
  const auto& variant = kernels().rms_norm;
  return variant && fits(x, weight) ? variant.run(x, weight, epsilon)
                                    : rms_norm(x, weight, epsilon);
}

}  // namespace gptkit
