#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/x86/avx512.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;
using torch::Tensor;

GPTKIT_AVX512_INLINE __m512 sigmoid(__m512 x) {
  const __m512 one = _mm512_set1_ps(1);
  return _mm512_div_ps(one, _mm512_add_ps(one, avx512::exp(_mm512_sub_ps(_mm512_setzero_ps(), x))));
}

template <class Lanes>
GPTKIT_AVX512_INLINE void forward_some(const BFloat16* gate, const BFloat16* up, BFloat16* y,
                                       Lanes lanes) {
  const __m512 g = lanes.load(gate), u = lanes.load(up);
  lanes.store(y, _mm512_mul_ps(_mm512_mul_ps(g, sigmoid(g)), u));
}

GPTKIT_AVX512 void forward_row(const BFloat16* gate, int64_t F, BFloat16* y) {
  int64_t i = 0;
  for (; i + 16 <= F; i += 16) forward_some(gate + i, gate + F + i, y + i, avx512::AllLanes{});
  if (i < F) forward_some(gate + i, gate + F + i, y + i, avx512::SomeLanes{avx512::lanes(F - i)});
}

/// With s = sigmoid(g): dg = dy u s (1 + g (1 - s)), du = dy g s.
template <class Lanes>
GPTKIT_AVX512_INLINE void backward_some(const BFloat16* gate, const BFloat16* dy, int64_t F,
                                        BFloat16* dgate, Lanes lanes) {
  const __m512 one = _mm512_set1_ps(1);
  const __m512 g = lanes.load(gate), u = lanes.load(gate + F);
  const __m512 d = lanes.load(dy), s = sigmoid(g);
  const __m512 slope = _mm512_mul_ps(s, _mm512_fmadd_ps(g, _mm512_sub_ps(one, s), one));
  lanes.store(dgate, _mm512_mul_ps(_mm512_mul_ps(d, u), slope));
  lanes.store(dgate + F, _mm512_mul_ps(_mm512_mul_ps(d, g), s));
}

GPTKIT_AVX512 void backward_row(const BFloat16* gate, const BFloat16* dy, int64_t F,
                                BFloat16* dgate) {
  int64_t i = 0;
  for (; i + 16 <= F; i += 16) {
    backward_some(gate + i, dy + i, F, dgate + i, avx512::AllLanes{});
  }
  if (i == F) return;
  backward_some(gate + i, dy + i, F, dgate + i, avx512::SomeLanes{avx512::lanes(F - i)});
}

class SwigluFunction : public torch::autograd::Function<SwigluFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& gate_up) {
    const auto x = gate_up.contiguous();
    const int64_t F = x.size(-1) / 2, N = x.numel() / (2 * F);
    auto shape = x.sizes().vec();
    shape.back() = F;
    auto y = at::empty(shape, x.options());
    const auto* in = x.const_data_ptr<BFloat16>();
    auto* out = y.mutable_data_ptr<BFloat16>();
    at::parallel_for(0, N, 8, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) forward_row(in + n * 2 * F, F, out + n * F);
    });
    context->save_for_backward({x});
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto x = context->get_saved_variables()[0];
    const auto dy = outputs[0].to(torch::kBFloat16).contiguous();
    const int64_t F = dy.size(-1), N = dy.numel() / F;
    auto dx = at::empty_like(x);
    const auto *in = x.const_data_ptr<BFloat16>(), *d = dy.const_data_ptr<BFloat16>();
    auto* out = dx.mutable_data_ptr<BFloat16>();
    at::parallel_for(0, N, 8, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        backward_row(in + n * 2 * F, d + n * F, F, out + n * 2 * F);
      }
    });
    return {dx};
  }
};

}  // namespace

Tensor swiglu(const Tensor& gate_up) { return SwigluFunction::apply(gate_up); }

}  // namespace gptkit::x86
