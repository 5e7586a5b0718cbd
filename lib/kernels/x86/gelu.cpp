#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/x86/avx512.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;
using torch::Tensor;

constexpr int64_t kAtOnce = 4096;  // elements of a task

template <class Lanes>
GPTKIT_AVX512_INLINE void forward_at(const BFloat16* u, BFloat16* y, Lanes lanes) {
  lanes.store(y, avx512::gelu(lanes.load(u)).value);
}

GPTKIT_AVX512 void forward_some(const BFloat16* u, int64_t count, BFloat16* y) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) forward_at(u + i, y + i, avx512::AllLanes{});
  if (i < count) forward_at(u + i, y + i, avx512::SomeLanes{avx512::lanes(count - i)});
}

template <class Lanes>
GPTKIT_AVX512_INLINE void backward_at(const BFloat16* u, const BFloat16* dy, BFloat16* du,
                                      Lanes lanes) {
  lanes.store(du, _mm512_mul_ps(lanes.load(dy), avx512::gelu(lanes.load(u)).slope));
}

GPTKIT_AVX512 void backward_some(const BFloat16* u, const BFloat16* dy, int64_t count,
                                 BFloat16* du) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) backward_at(u + i, dy + i, du + i, avx512::AllLanes{});
  if (i < count) backward_at(u + i, dy + i, du + i, avx512::SomeLanes{avx512::lanes(count - i)});
}

class GeluFunction : public torch::autograd::Function<GeluFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& before) {
    const auto u = before.contiguous();
    auto y = at::empty_like(u);
    const auto* in = u.const_data_ptr<BFloat16>();
    auto* out = y.mutable_data_ptr<BFloat16>();
    at::parallel_for(0, u.numel(), kAtOnce, [&](int64_t begin, int64_t end) {
      forward_some(in + begin, end - begin, out + begin);
    });
    context->save_for_backward({u});
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto u = context->get_saved_variables()[0];
    const auto dy = outputs[0].to(torch::kBFloat16).contiguous();
    auto du = at::empty_like(u);
    const auto *in = u.const_data_ptr<BFloat16>(), *d = dy.const_data_ptr<BFloat16>();
    auto* out = du.mutable_data_ptr<BFloat16>();
    at::parallel_for(0, u.numel(), kAtOnce, [&](int64_t begin, int64_t end) {
      backward_some(in + begin, d + begin, end - begin, out + begin);
    });
    return {du};
  }
};

}  // namespace

Tensor gelu_tanh(const Tensor& u) { return GeluFunction::apply(u); }

}  // namespace gptkit::x86
