#include "kernels/gpt2_block.h"

#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/x86/attention.h"
#include "kernels/x86/layer_norm.h"
#include "kernels/x86/matmul.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// Inputs of the node, in order.
enum Input {
  kX,
  kNorm1,
  kNorm1Bias,
  kQkv,
  kQkvBias,
  kProj,
  kProjBias,
  kNorm2,
  kNorm2Bias,
  kUp,
  kUpBias,
  kDown,
  kDownBias,
  kInputs
};

class Gpt2BlockFunction : public torch::autograd::Function<Gpt2BlockFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& norm1,
                        const Tensor& norm1_bias, const Tensor& qkv, const Tensor& qkv_bias,
                        const Tensor& proj, const Tensor& proj_bias, const Tensor& norm2,
                        const Tensor& norm2_bias, const Tensor& up, const Tensor& up_bias,
                        const Tensor& down, const Tensor& down_bias,
                        const std::vector<int64_t>& offsets, int64_t n_head, double epsilon,
                        bool keep) {
    const auto flat = x.contiguous().view({-1, x.size(-1)});
    const auto normed = layer_norm_bfloat16(flat, norm1, norm1_bias, epsilon).y;
    const auto qkv_out = linear_bfloat16(normed, qkv, qkv_bias);
    const auto attention = attention_bfloat16(qkv_out, offsets, n_head);
    const auto middle = linear_residual_bfloat16(attention.y, proj, proj_bias, flat);
    const auto hidden = linear_gelu_bfloat16(
        layer_norm_bfloat16(middle, norm2, norm2_bias, epsilon).y, up, up_bias, keep);
    const auto out = linear_residual_bfloat16(hidden.after, down, down_bias, middle);
    if (!keep) return out.view(x.sizes());

    context->saved_data["n_head"] = n_head;
    context->saved_data["offsets"] = offsets;
    context->saved_data["epsilon"] = epsilon;
    // The backward pass computes the norms again: cheaper than the memory.
    context->save_for_backward({flat, norm1, norm1_bias, qkv, qkv_bias, proj, proj_bias, norm2,
                                norm2_bias, up, up_bias, down, down_bias, qkv_out, attention.y,
                                attention.logsumexp, middle, hidden.before});
    return out.view(x.sizes());
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const int64_t n_head = context->saved_data["n_head"].toInt();
    const auto& x = saved[kX];
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const auto &qkv = saved[13], &middle = saved[16], &before_gelu = saved[17];
    const AttentionOutput attention{saved[14], saved[15]};
    std::vector<Gradient> gradients;
    for (size_t i = 0; i < kInputs; ++i) {
      gradients.emplace_back(saved[i], i != kX && context->needs_input_grad(i));
    }
    const auto dout = outputs[0].contiguous().view_as(x);
    const auto dout_half = round_to_bfloat16(dout);

    // x + mlp(norm2(x))
    const auto dhidden = linear_gelu_backward_bfloat16(dout_half, saved[kDown], before_gelu);
    add_weight_gradient_bfloat16(dout_half, dhidden.after, gradients[kDown], gradients[kDownBias]);
    const auto norm2 = layer_norm_bfloat16(middle, saved[kNorm2], saved[kNorm2Bias], epsilon);
    add_weight_gradient_bfloat16(dhidden.before, norm2.y, gradients[kUp], gradients[kUpBias]);
    const auto dmiddle = layer_norm_backward_bfloat16(
        linear_backward_bfloat16(dhidden.before, saved[kUp]), middle, norm2, saved[kNorm2], dout,
        /*inputs=*/true, /*rounded=*/true, gradients[kNorm2], gradients[kNorm2Bias]);

    // x + attention(norm1(x))
    add_weight_gradient_bfloat16(dmiddle.rounded, attention.y, gradients[kProj],
                                 gradients[kProjBias]);
    const auto dqkv = attention_backward_bfloat16(
        linear_backward_bfloat16(dmiddle.rounded, saved[kProj]), qkv, attention,
        context->saved_data["offsets"].toIntVector(), n_head);
    const auto norm1 = layer_norm_bfloat16(x, saved[kNorm1], saved[kNorm1Bias], epsilon);
    add_weight_gradient_bfloat16(dqkv, norm1.y, gradients[kQkv], gradients[kQkvBias]);
    const bool inputs = context->needs_input_grad(kX);
    const auto dx = layer_norm_backward_bfloat16(
        linear_backward_bfloat16(dqkv, saved[kQkv]), x, norm1, saved[kNorm1], dmiddle.full, inputs,
        /*rounded=*/false, gradients[kNorm1], gradients[kNorm1Bias]);

    tensor_list result(kInputs + 4);  // the last four inputs are not tensors
    if (inputs) result[kX] = dx.full.view_as(outputs[0]);
    for (size_t i = kX + 1; i < kInputs; ++i) result[i] = gradients[i].result();
    return result;
  }
};

}  // namespace

Tensor gpt2_block(const Tensor& x, const std::vector<int64_t>& offsets, const Gpt2BlockWeights& w,
                  int64_t n_head, double epsilon) {
  // A Function takes no undefined tensors.
  const auto qkv_bias =
      w.qkv_bias.defined() ? w.qkv_bias : at::zeros({w.qkv_weight.size(0)}, x.options());
  return Gpt2BlockFunction::apply(x, w.norm1_weight, w.norm1_bias, w.qkv_weight, qkv_bias,
                                  w.proj_weight, w.proj_bias, w.norm2_weight, w.norm2_bias,
                                  w.up_weight, w.up_bias, w.down_weight, w.down_bias, offsets,
                                  n_head, epsilon, /*keep=*/torch::GradMode::is_enabled());
}

}  // namespace gptkit::x86
