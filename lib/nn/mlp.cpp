#include "nn/mlp.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>

#include "kernels/gelu.h"
#include "kernels/swiglu.h"

namespace gptkit {

MlpImpl::MlpImpl(const MlpOptions& options) : gated_(options.kind == MlpKind::kSwiglu) {
  const int64_t C = options.d_model, F = options.d_ff;
  up_ = register_module("up", Linear(C, gated_ ? 2 * F : F, options.bias));
  down_ = register_module("down", Linear(F, C, options.bias));
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  if (!gated_) {
    const auto u = up_(x);  // (...,F)
    return down_(fits_gelu_bfloat16(u) ? gelu_bfloat16(u) : at::gelu(u, "tanh"));
  }
  const auto gate_up = up_(x);  // (...,2F)
  if (fits_swiglu_bfloat16(gate_up)) return down_(swiglu_bfloat16(gate_up));
  const auto parts = gate_up.chunk(2, -1);
  return down_(at::silu(parts[0]) * parts[1]);
}

}  // namespace gptkit
