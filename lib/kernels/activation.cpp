#include "kernels/activation.h"

#include "kernels/dispatch.h"
#include "kernels/reference/reference.h"

namespace gptkit {

namespace {

bool fits(const torch::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kBFloat16 && x.numel() > 0;
}

}  // namespace

torch::Tensor gelu_tanh(const torch::Tensor& u) {
  const auto& variant = kernels().gelu_tanh;
  return variant && fits(u) ? variant.run(u) : reference::gelu_tanh(u);
}

torch::Tensor swiglu(const torch::Tensor& gate_up) {
  const auto& variant = kernels().swiglu;
  const bool even = gate_up.size(-1) % 2 == 0;
  return variant && fits(gate_up) && even ? variant.run(gate_up) : reference::swiglu(gate_up);
}

}  // namespace gptkit
