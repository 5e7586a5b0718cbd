#include "kernels/matmul.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/constant_pad_nd.h>

#include "kernels/dispatch.h"
#include "kernels/reference/reference.h"

namespace gptkit {

namespace {

using torch::Tensor;

/// Whether the variant takes it, if need be with zeros behind its rows and columns.
bool fits(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto plain = [](const Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous();
  };
  return x.is_cpu() && x.numel() > 0 && plain(weight) && (!bias.defined() || plain(bias)) &&
         autocast_to_bfloat16() && kernels().autocast_linear;
}

/// How many more elements a row of n needs.
int64_t missing(int64_t n) { return (kMatmulStep - n % kMatmulStep) % kMatmulStep; }

}  // namespace

bool autocast_to_bfloat16() {
  return at::autocast::is_autocast_enabled(torch::kCPU) &&
         at::autocast::get_autocast_dtype(torch::kCPU) == torch::kBFloat16;
}

Tensor autocast_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!fits(x, weight, bias)) return reference::linear(x, weight, bias);
  auto* run = kernels().autocast_linear.run;
  const int64_t in = missing(weight.size(1)), out = missing(weight.size(0));
  if (in == 0 && out == 0) return run(x, weight, bias);
  const auto y = run(at::constant_pad_nd(x, {0, in}), at::constant_pad_nd(weight, {0, in, 0, out}),
                     bias.defined() ? at::constant_pad_nd(bias, {0, out}) : bias);
  return y.narrow(-1, 0, weight.size(0)).contiguous();
}

bool fits_lora_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const bool frozen = !weight.requires_grad() && !(bias.defined() && bias.requires_grad());
  return frozen && fits(x, weight, bias) && missing(weight.size(1)) == 0 &&
         missing(weight.size(0)) == 0;
}

Tensor autocast_lora_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& a, const Tensor& b) {
  if (!fits_lora_linear(x, weight, bias)) return reference::lora_linear(x, weight, bias, a, b);
  return kernels().autocast_lora_linear.run(x, weight, bias, a, b);
}

}  // namespace gptkit
