#include "kernels/embedding.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/gradient.h"
#include "kernels/reference/reference.h"

namespace gptkit {

namespace {

using torch::Tensor;

class EmbeddingFunction : public torch::autograd::Function<EmbeddingFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& weight,
                        const Tensor& ids) {
    context->save_for_backward({weight, ids});
    return reference::embedding_lookup(weight, ids);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    Gradient gradient(saved[0], context->needs_input_grad(0));
    if (!gradient) return {Tensor(), Tensor()};
    if (gradient.take_fresh()) gradient.tensor().zero_();
    const auto dy = outputs[0].contiguous(), ids = saved[1].contiguous();
    const int64_t C = saved[0].size(1), N = ids.numel();
    const auto* id = ids.const_data_ptr<int64_t>();
    const float* from = dy.const_data_ptr<float>();
    float* to = gradient.data();
    // Threads share the columns: rows may meet, and their order of summing stays the same.
    at::parallel_for(0, C, 64, [&](int64_t begin, int64_t end) {
      for (int64_t n = 0; n < N; ++n) {
        float* row = to + id[n] * C;
        for (int64_t c = begin; c < end; ++c) row[c] += from[n * C + c];
      }
    });
    return {gradient.result(), Tensor()};
  }
};

}  // namespace

Tensor embedding_lookup(const Tensor& weight, const Tensor& ids) {
  const bool plain = weight.is_cpu() && weight.scalar_type() == torch::kFloat32 &&
                     weight.is_contiguous() && ids.scalar_type() == torch::kInt64;
  if (!plain || !weight.requires_grad() || !torch::GradMode::is_enabled()) {
    return reference::embedding_lookup(weight, ids);
  }
  return EmbeddingFunction::apply(weight, ids);
}

}  // namespace gptkit
