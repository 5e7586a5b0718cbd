#include "kernels/x86/layer_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "kernels/x86/avx512.h"
#include "kernels/x86/panels.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;

struct Moments {
  float mean, rstd;
};

GPTKIT_AVX512 Moments normalize_row(const float* x, const float* weight, const float* bias,
                                    int64_t C, double epsilon, BFloat16* y) {
  __m512 sum = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
  for (int64_t i = 0; i < C; i += 16) sum = _mm512_add_ps(sum, _mm512_loadu_ps(x + i));
  const float mean = _mm512_reduce_add_ps(sum) / static_cast<float>(C);
  const __m512 m = _mm512_set1_ps(mean);
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 d = _mm512_sub_ps(_mm512_loadu_ps(x + i), m);
    squares = _mm512_fmadd_ps(d, d, squares);
  }
  const double variance = _mm512_reduce_add_ps(squares) / static_cast<double>(C);
  const auto rstd = static_cast<float>(1 / std::sqrt(variance + epsilon));
  const __m512 r = _mm512_set1_ps(rstd);
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 hat = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), m), r);
    avx512::store(y + i,
                  _mm512_fmadd_ps(hat, _mm512_loadu_ps(weight + i), _mm512_loadu_ps(bias + i)));
  }
  return {mean, rstd};
}

/// Adds a row's share to dweight and dbias.
GPTKIT_AVX512 void add_parameter_gradients(const BFloat16* dy, const float* x, Moments moments,
                                           int64_t C, float* dweight, float* dbias) {
  const __m512 m = _mm512_set1_ps(moments.mean), r = _mm512_set1_ps(moments.rstd);
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 d = avx512::load(dy + i);
    const __m512 hat = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), m), r);
    _mm512_storeu_ps(dweight + i, _mm512_fmadd_ps(d, hat, _mm512_loadu_ps(dweight + i)));
    _mm512_storeu_ps(dbias + i, _mm512_add_ps(d, _mm512_loadu_ps(dbias + i)));
  }
}

/// With g = dy * weight: dx = rstd (g - mean(g) - hat mean(g hat)) + passed.
GPTKIT_AVX512 void backward_row(const BFloat16* dy, const float* x, const float* weight,
                                Moments moments, const float* passed, int64_t C, float* dx,
                                BFloat16* rounded) {
  const __m512 m = _mm512_set1_ps(moments.mean), r = _mm512_set1_ps(moments.rstd);
  __m512 sum = _mm512_setzero_ps(), product = _mm512_setzero_ps();
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 g = _mm512_mul_ps(avx512::load(dy + i), _mm512_loadu_ps(weight + i));
    const __m512 hat = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), m), r);
    sum = _mm512_add_ps(sum, g);
    product = _mm512_fmadd_ps(g, hat, product);
  }
  const __m512 mean_g = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / static_cast<float>(C));
  const __m512 mean_p = _mm512_set1_ps(_mm512_reduce_add_ps(product) / static_cast<float>(C));
  for (int64_t i = 0; i < C; i += 16) {
    const __m512 g = _mm512_mul_ps(avx512::load(dy + i), _mm512_loadu_ps(weight + i));
    const __m512 hat = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), m), r);
    const __m512 inner = _mm512_fnmadd_ps(hat, mean_p, _mm512_sub_ps(g, mean_g));
    const __m512 d = _mm512_fmadd_ps(r, inner, _mm512_loadu_ps(passed + i));
    _mm512_storeu_ps(dx + i, d);
    if (rounded) avx512::store(rounded + i, d);
  }
}

GPTKIT_AVX512 void round_values(const float* x, int64_t count, BFloat16* y) {
  for (int64_t i = 0; i < count; i += 16) avx512::store(y + i, _mm512_loadu_ps(x + i));
}

/// The rows of each thread, fixed, so that a repetition adds in the same order.
struct Share {
  int64_t begin, end;
};
Share share_of(int64_t part, int64_t parts, int64_t rows) {
  return {part * rows / parts, (part + 1) * rows / parts};
}

}  // namespace

NormOutput layer_norm_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, double epsilon) {
  const int64_t N = x.size(0), C = x.size(1);
  NormOutput result{at::empty({N, C}, x.options().dtype(torch::kBFloat16)),
                    at::empty({N}, x.options()), at::empty({N}, x.options())};
  const float* in = x.const_data_ptr<float>();
  const float *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
  auto* y = result.y.mutable_data_ptr<BFloat16>();
  auto *mean = result.mean.mutable_data_ptr<float>(), *rstd = result.rstd.mutable_data_ptr<float>();
  at::parallel_for(0, N, 16, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const auto moments = normalize_row(in + n * C, w, b, C, epsilon, y + n * C);
      mean[n] = moments.mean;
      rstd[n] = moments.rstd;
    }
  });
  return result;
}

ResidualGradient layer_norm_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& x,
                                              const NormOutput& forward,
                                              const torch::Tensor& weight,
                                              const torch::Tensor& passed, bool inputs,
                                              bool rounded, Gradient& weight_gradient,
                                              Gradient& bias_gradient) {
  const int64_t N = x.size(0), C = x.size(1), parts = at::get_num_threads();
  ResidualGradient result;
  if (inputs) result.full = at::empty_like(x);
  if (inputs && rounded) result.rounded = at::empty({N, C}, dy.options());
  const bool parameters = weight_gradient || bias_gradient;
  auto dweight = at::zeros({parameters ? parts : 0, C}, x.options());
  auto dbias = at::zeros_like(dweight);

  const auto* d = dy.const_data_ptr<BFloat16>();
  const float *in = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
  const float *mean = forward.mean.const_data_ptr<float>(),
              *rstd = forward.rstd.const_data_ptr<float>();
  const float* past = inputs ? passed.const_data_ptr<float>() : nullptr;
  float* dx = inputs ? result.full.mutable_data_ptr<float>() : nullptr;
  auto* half = result.rounded.defined() ? result.rounded.mutable_data_ptr<BFloat16>() : nullptr;
  float *dw = dweight.mutable_data_ptr<float>(), *db = dbias.mutable_data_ptr<float>();
  at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const auto share = share_of(part, parts, N);
      for (int64_t n = share.begin; n < share.end; ++n) {
        const int64_t at = n * C;
        const Moments moments{mean[n], rstd[n]};
        if (parameters) {
          add_parameter_gradients(d + at, in + at, moments, C, dw + part * C, db + part * C);
        }
        if (!inputs) continue;
        backward_row(d + at, in + at, w, moments, past + at, C, dx + at,
                     half ? half + at : nullptr);
      }
    }
  });
  weight_gradient.add(dweight.sum(0));
  bias_gradient.add(dbias.sum(0));
  return result;
}

torch::Tensor round_to_bfloat16(const torch::Tensor& x) {
  auto y = at::empty(x.sizes(), x.options().dtype(torch::kBFloat16));
  const float* in = x.const_data_ptr<float>();
  auto* out = y.mutable_data_ptr<BFloat16>();
  at::parallel_for(0, x.numel() / 16, 4096, [&](int64_t begin, int64_t end) {
    round_values(in + begin * 16, (end - begin) * 16, out + begin * 16);
  });
  return y;
}

}  // namespace gptkit::x86
