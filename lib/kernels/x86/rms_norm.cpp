#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "kernels/gradient.h"
#include "kernels/x86/avx512.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;
using torch::Tensor;

/// Writes y and gives 1 / sqrt(mean(x^2) + epsilon).
GPTKIT_AVX512 float normalize_row(const float* x, const float* weight, int64_t C, double epsilon,
                                  BFloat16* y) {
  __m512 squares = _mm512_setzero_ps();
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 v = _mm512_loadu_ps(x + i);
    squares = _mm512_fmadd_ps(v, v, squares);
  }
  const double mean = _mm512_reduce_add_ps(squares) / static_cast<double>(C);
  const auto rrms = static_cast<float>(1 / std::sqrt(mean + epsilon));
  const __m512 r = _mm512_set1_ps(rrms);
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 hat = _mm512_mul_ps(_mm512_loadu_ps(x + i), r);
    avx512::store(y + i, _mm512_mul_ps(hat, _mm512_loadu_ps(weight + i)));
  }
  return rrms;
}

/// With hat = x rrms and g = dy weight: dx = rrms (g - hat mean(g hat)).
GPTKIT_AVX512 void backward_row(const BFloat16* dy, const float* x, const float* weight, float rrms,
                                int64_t C, float* dx) {
  const __m512 r = _mm512_set1_ps(rrms);
  __m512 product = _mm512_setzero_ps();
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 g = _mm512_mul_ps(avx512::load(dy + i), _mm512_loadu_ps(weight + i));
    product = _mm512_fmadd_ps(g, _mm512_mul_ps(_mm512_loadu_ps(x + i), r), product);
  }
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(product) / static_cast<float>(C));
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 g = _mm512_mul_ps(avx512::load(dy + i), _mm512_loadu_ps(weight + i));
    const __m512 hat = _mm512_mul_ps(_mm512_loadu_ps(x + i), r);
    _mm512_storeu_ps(dx + i, _mm512_mul_ps(r, _mm512_fnmadd_ps(hat, mean, g)));
  }
}

/// Adds a row's share to dweight.
GPTKIT_AVX512 void add_weight_gradient(const BFloat16* dy, const float* x, float rrms, int64_t C,
                                       float* dweight) {
  const __m512 r = _mm512_set1_ps(rrms);
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 hat = _mm512_mul_ps(_mm512_loadu_ps(x + i), r);
    _mm512_storeu_ps(dweight + i,
                     _mm512_fmadd_ps(avx512::load(dy + i), hat, _mm512_loadu_ps(dweight + i)));
  }
}

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const Tensor& weight, double epsilon) {
    const int64_t C = x.size(-1);
    const auto rows = x.contiguous().view({-1, C});
    auto y = at::empty(x.sizes(), x.options().dtype(torch::kBFloat16));
    auto rrms = at::empty({rows.size(0)}, x.options());
    const float *in = rows.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
    auto* out = y.mutable_data_ptr<BFloat16>();
    auto* r = rrms.mutable_data_ptr<float>();
    at::parallel_for(0, rows.size(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        r[n] = normalize_row(in + n * C, w, C, epsilon, out + n * C);
      }
    });
    context->save_for_backward({rows, weight, rrms});
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    const auto dy = outputs[0].to(torch::kBFloat16).contiguous();
    const int64_t N = x.size(0), C = x.size(1), parts = at::get_num_threads();
    Gradient weight_gradient(weight, context->needs_input_grad(1));
    const bool inputs = context->needs_input_grad(0), learns = static_cast<bool>(weight_gradient);
    Tensor dx = inputs ? at::empty_like(x) : Tensor();
    // A sum for each thread, so that a repetition adds in the same order.
    auto dweight = at::zeros({learns ? parts : 0, C}, x.options());
    const auto* d = dy.const_data_ptr<BFloat16>();
    const float *in = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
    const float* r = saved[2].const_data_ptr<float>();
    float *out = inputs ? dx.mutable_data_ptr<float>() : nullptr,
          *dw = dweight.mutable_data_ptr<float>();
    at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) {
        for (int64_t n = part * N / parts; n < (part + 1) * N / parts; ++n) {
          if (out) backward_row(d + n * C, in + n * C, w, r[n], C, out + n * C);
          if (learns) add_weight_gradient(d + n * C, in + n * C, r[n], C, dw + part * C);
        }
      }
    });
    weight_gradient.add(dweight.sum(0));
    return {inputs ? dx.view(outputs[0].sizes()) : Tensor(), weight_gradient.result(), {}};
  }
};

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  return RmsNormFunction::apply(x, weight, epsilon);
}

}  // namespace gptkit::x86
