#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "kernels/gradient.h"
#include "kernels/matmul.h"
#include "kernels/x86/matmul.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

static_assert(panels::kDepth == kMatmulStep);

/// (...,F) -> contiguous bfloat16 (N,F)
Tensor rows_in_bfloat16(const Tensor& x) {
  return x.reshape({-1, x.size(-1)}).to(torch::kBFloat16).contiguous();
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const std::optional<Tensor>& maybe_bias) {
    const auto bias = maybe_bias.value_or(Tensor());
    const auto rows = rows_in_bfloat16(x);
    auto shape = x.sizes().vec();
    shape.back() = weight.size(0);
    // With a frozen weight the backward pass needs no input.
    const bool learns = weight.requires_grad() || (bias.defined() && bias.requires_grad());
    context->save_for_backward({learns ? rows : Tensor(), weight, bias});
    context->saved_data["type"] = static_cast<int64_t>(x.scalar_type());
    return linear_bfloat16(rows, weight, bias).view(shape);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &bias = saved[2];
    const auto dy = rows_in_bfloat16(outputs[0]);
    Gradient weight_gradient(weight, context->needs_input_grad(1));
    Gradient bias_gradient(bias, bias.defined() && context->needs_input_grad(2));
    if (x.defined()) add_weight_gradient_bfloat16(dy, x, weight_gradient, bias_gradient);
    Tensor dx;
    if (context->needs_input_grad(0)) {
      auto shape = outputs[0].sizes().vec();
      shape.back() = weight.size(1);
      const auto type = static_cast<torch::ScalarType>(context->saved_data["type"].toInt());
      dx = linear_backward_bfloat16(dy, weight).view(shape).to(type);
    }
    return {dx, weight_gradient.result(), bias_gradient.result()};
  }
};

/// The bias is the last input, so that its absence does not shift the others.
class LoraLinearFunction : public torch::autograd::Function<LoraLinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& a, const Tensor& b, const std::optional<Tensor>& maybe_bias) {
    const auto rows = rows_in_bfloat16(x);
    const auto u = linear_bfloat16(rows, a, {});  // (N,P)
    auto shape = x.sizes().vec();
    shape.back() = weight.size(0);
    context->save_for_backward({rows, u, weight, a, b});
    context->saved_data["type"] = static_cast<int64_t>(x.scalar_type());
    return linear_bfloat16(rows, weight, maybe_bias.value_or(Tensor()), u, b).view(shape);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &u = saved[1], &weight = saved[2], &a = saved[3], &b = saved[4];
    const auto dy = rows_in_bfloat16(outputs[0]);
    const auto du = linear_backward_bfloat16(dy, b);  // (N,P)
    Gradient da(a, context->needs_input_grad(2)), db(b, context->needs_input_grad(3)),
        none({}, false);
    add_weight_gradient_bfloat16(du, x, da, none);
    add_weight_gradient_bfloat16(dy, u, db, none);
    Tensor dx;
    if (context->needs_input_grad(0)) {
      auto shape = outputs[0].sizes().vec();
      shape.back() = weight.size(1);
      const auto type = static_cast<torch::ScalarType>(context->saved_data["type"].toInt());
      dx = linear_backward_bfloat16(dy, weight, du, a).view(shape).to(type);
    }
    return {dx, Tensor(), da.result(), db.result(), Tensor()};
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return LinearFunction::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

Tensor lora_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& a,
                   const Tensor& b) {
  return LoraLinearFunction::apply(x, weight, a, b,
                                   bias.defined() ? std::optional(bias) : std::nullopt);
}

}  // namespace gptkit::x86
