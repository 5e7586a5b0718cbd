#include "kernels/rotary.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "kernels/x86/avx512.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;
using torch::Tensor;

/// Both halves of a vector that are turned against each other.
struct Pair {
  __m512 a, b;
};
GPTKIT_AVX512_INLINE Pair turned(Pair x, __m512 cos, __m512 sin) {
  return {_mm512_fnmadd_ps(x.b, sin, _mm512_mul_ps(x.a, cos)),
          _mm512_fmadd_ps(x.a, sin, _mm512_mul_ps(x.b, cos))};
}

/// Shape of a row, before (H + 2 G heads) and after (3 H).
struct Row {
  int64_t H, G, D;
  int64_t before() const { return (H + 2 * G) * D; }
  int64_t after() const { return 3 * H * D; }
};

/// Elements i and following of each head's halves.
template <class Lanes>
GPTKIT_AVX512_INLINE void forward_at(int64_t i, const Row& s, const BFloat16* x, const float* cos,
                                     const float* sin, BFloat16* y, Lanes lanes) {
  const int64_t H = s.H, D = s.D, half = D / 2, group = H / s.G;
  const __m512 c = lanes.floats(cos + i), sn = lanes.floats(sin + i);
  for (int64_t h = 0; h < H + s.G; ++h) {  // queries, then keys
    const auto* from = x + h * D + i;
    const auto pair = turned({lanes.load(from), lanes.load(from + half)}, c, sn);
    const bool query = h < H;
    for (int64_t copy = 0; copy < (query ? 1 : group); ++copy) {
      auto* to = y + (query ? h : H + (h - H) * group + copy) * D + i;
      lanes.store(to, pair.a);
      lanes.store(to + half, pair.b);
    }
  }
}

GPTKIT_AVX512 void forward_row(const Row& s, const BFloat16* x, const float* cos, const float* sin,
                               BFloat16* y) {
  const int64_t H = s.H, D = s.D, half = D / 2, group = H / s.G;
  int64_t i = 0;
  for (; i + 16 <= half; i += 16) forward_at(i, s, x, cos, sin, y, avx512::AllLanes{});
  if (i < half) {
    forward_at(i, s, x, cos, sin, y, avx512::SomeLanes{avx512::lanes(half - i)});
  }
  const auto* values = x + (H + s.G) * D;
  for (int64_t h = 0; h < H; ++h) {
    std::copy_n(values + h / group * D, D, y + (2 * H + h) * D);
  }
}

/// Elements summed over the heads of a group; `first` points at those of its first head.
template <class Lanes>
GPTKIT_AVX512_INLINE __m512 sum_of_group(const BFloat16* first, int64_t group, int64_t D,
                                         Lanes lanes) {
  __m512 sum = lanes.load(first);
  for (int64_t i = 1; i < group; ++i) sum = _mm512_add_ps(sum, lanes.load(first + i * D));
  return sum;
}

template <class Lanes>
GPTKIT_AVX512_INLINE void backward_at(int64_t i, const Row& s, const BFloat16* dy, const float* cos,
                                      const float* sin, BFloat16* dx, Lanes lanes) {
  const int64_t H = s.H, D = s.D, half = D / 2, group = H / s.G;
  const __m512 c = lanes.floats(cos + i);
  const __m512 back = _mm512_sub_ps(_mm512_setzero_ps(), lanes.floats(sin + i));
  for (int64_t h = 0; h < H + s.G; ++h) {
    const bool query = h < H;
    const auto* from = dy + (query ? h : H + (h - H) * group) * D + i;
    const int64_t copies = query ? 1 : group;
    const auto pair =
        turned({sum_of_group(from, copies, D, lanes), sum_of_group(from + half, copies, D, lanes)},
               c, back);
    lanes.store(dx + h * D + i, pair.a);
    lanes.store(dx + h * D + i + half, pair.b);
  }
}

/// Turns back, and adds the gradients of the repeated heads.
GPTKIT_AVX512 void backward_row(const Row& s, const BFloat16* dy, const float* cos,
                                const float* sin, BFloat16* dx) {
  const int64_t H = s.H, G = s.G, D = s.D, half = D / 2, group = H / G;
  int64_t i = 0;
  for (; i + 16 <= half; i += 16) backward_at(i, s, dy, cos, sin, dx, avx512::AllLanes{});
  if (i < half) {
    backward_at(i, s, dy, cos, sin, dx, avx512::SomeLanes{avx512::lanes(half - i)});
  }
  for (int64_t g = 0; g < G; ++g) {
    const auto* from = dy + (2 * H + g * group) * D;
    auto* to = dx + (H + G + g) * D;
    int64_t j = 0;
    for (; j + 16 <= D; j += 16) {
      avx512::store(to + j, sum_of_group(from + j, group, D, avx512::AllLanes{}));
    }
    if (j == D) continue;
    const avx512::SomeLanes rest{avx512::lanes(D - j)};
    rest.store(to + j, sum_of_group(from + j, group, D, rest));
  }
}

class RotateHeadsFunction : public torch::autograd::Function<RotateHeadsFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& qkv, int64_t H,
                        int64_t G, const Tensor& cos, const Tensor& sin) {
    const Row row{H, G, 2 * cos.size(1)};
    const auto x = qkv.contiguous();
    auto shape = x.sizes().vec();
    shape.back() = row.after();
    auto y = at::empty(shape, x.options());
    const auto* in = x.const_data_ptr<BFloat16>();
    auto* out = y.mutable_data_ptr<BFloat16>();
    each_row(row, x.numel() / row.before(), cos, sin,
             [&](int64_t n, const float* c, const float* s) {
               forward_row(row, in + n * row.before(), c, s, out + n * row.after());
             });
    context->save_for_backward({cos, sin});
    context->saved_data["query"] = H;
    context->saved_data["key_value"] = G;
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Row row{context->saved_data["query"].toInt(), context->saved_data["key_value"].toInt(),
                  2 * saved[0].size(1)};
    const auto dy = outputs[0].to(torch::kBFloat16).contiguous();
    auto shape = dy.sizes().vec();
    shape.back() = row.before();
    auto dx = at::empty(shape, dy.options());
    const auto* in = dy.const_data_ptr<BFloat16>();
    auto* out = dx.mutable_data_ptr<BFloat16>();
    each_row(row, dy.numel() / row.after(), saved[0], saved[1],
             [&](int64_t n, const float* c, const float* s) {
               backward_row(row, in + n * row.after(), c, s, out + n * row.before());
             });
    return {dx, {}, {}, {}, {}};
  }

 private:
  template <class Body>
  static void each_row(const Row& row, int64_t rows, const Tensor& cos, const Tensor& sin,
                       const Body& body) {
    const auto c = cos.contiguous(), s = sin.contiguous();
    const float *cosines = c.const_data_ptr<float>(), *sines = s.const_data_ptr<float>();
    const int64_t half = row.D / 2, R = c.size(0);
    at::parallel_for(0, rows, 8, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        body(n, cosines + n % R * half, sines + n % R * half);
      }
    });
  }
};

}  // namespace

Tensor rotate_heads(const Tensor& qkv, HeadCounts heads, const Tensor& cos, const Tensor& sin) {
  return RotateHeadsFunction::apply(qkv, heads.query, heads.key_value, cos, sin);
}

}  // namespace gptkit::x86
