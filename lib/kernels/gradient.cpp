#include "kernels/gradient.h"

#include <utility>

namespace gptkit {

Gradient::Gradient(const torch::Tensor& weight, bool needed) {
  if (!needed || !weight.defined()) return;
  if (weight.is_leaf()) {
    auto& grad = weight.mutable_grad();
    if (grad.defined() && grad.is_contiguous() && grad.scalar_type() == torch::kFloat32) {
      tensor_ = grad;
      return;
    }
    if (!grad.defined()) {
      grad = torch::empty(weight.sizes(), weight.options().requires_grad(false));
      tensor_ = grad;
      fresh_ = true;
      return;
    }
  }
  tensor_ = torch::empty(weight.sizes(), weight.options().requires_grad(false));
  fresh_ = returned_ = true;
}

void Gradient::add(const torch::Tensor& more) {
  if (!tensor_.defined()) return;
  if (take_fresh()) {
    tensor_.copy_(more);
  } else {
    tensor_.add_(more);
  }
}

bool Gradient::take_fresh() { return std::exchange(fresh_, false); }

}  // namespace gptkit
