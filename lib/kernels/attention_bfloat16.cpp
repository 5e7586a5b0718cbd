#include "kernels/attention_bfloat16.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/avx512.h"
#include "kernels/bfloat16_panels.h"

namespace gptkit {

namespace {

using c10::BFloat16;
using panels::kPanel;
constexpr int64_t kTile = 64;  // queries or keys of a tile
static_assert(kTile == kPanel, "a tile's keys are one panel");

/// One head of one sequence: where its rows begin in the matrices, and their row lengths.
struct Head {
  const BFloat16 *q, *k, *v;
  int64_t stride;  // of q, k, v: 3C
  int64_t T, D;
  float scale;
};

/// The panels of a sequence's tiles, one after the other.
struct Panels {
  BFloat16* data;
  int64_t size;  // of one, in numbers
  BFloat16* tile(int64_t i) const { return data + i * size; }
};

void pack_tiles_by_rows(const BFloat16* x, const Head& head, const Panels& out) {
  for (int64_t t = 0; t < head.T; t += kTile) {
    panels::pack_rows(x + t * head.stride, head.stride, std::min(kTile, head.T - t), head.D,
                      out.tile(t / kTile));
  }
}

void pack_tiles_by_columns(const BFloat16* x, const Head& head, const Panels& out) {
  for (int64_t t = 0; t < head.T; t += kTile) {
    panels::pack_columns(x + t * head.stride, head.stride, head.D, std::min(kTile, head.T - t),
                         out.tile(t / kTile));
  }
}

/// scores (64,64) = queries times a panel of keys, where not in the future of the query.
void multiply_tile(const Head& head, const BFloat16* a, int64_t stride, int64_t rows,
                   const BFloat16* panel, float* out, int64_t out_stride) {
  panels::multiply(rows, kTile, head.D, a, stride, panel, out, out_stride, false);
}

/// One query's scores -> e^(score - maximum), unnormalised, zeros from `count` to `padded`.
GPTKIT_AVX512 float softmax_row(const float* scores, int64_t count, int64_t padded, float scale,
                                BFloat16* p, float* inverse) {
  const __m512 s = _mm512_set1_ps(scale);
  __m512 top = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < count; i += 16) {
    const auto mask = avx512::lanes(count - i);
    top = _mm512_mask_max_ps(top, mask, top, _mm512_maskz_loadu_ps(mask, scores + i));
  }
  const float maximum = _mm512_reduce_max_ps(top) * scale;
  const __m512 shift = _mm512_set1_ps(maximum);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < padded; i += 16) {
    const auto mask = avx512::lanes(std::max<int64_t>(0, count - i));
    const __m512 score = _mm512_maskz_loadu_ps(mask, scores + i);
    const __m512 e = _mm512_maskz_mov_ps(mask, avx512::exp(_mm512_fmsub_ps(score, s, shift)));
    avx512::store(p + i, e);
    sum = _mm512_add_ps(sum, e);
  }
  const float total = _mm512_reduce_add_ps(sum);
  *inverse = 1 / total;
  return maximum + std::log(total);
}

GPTKIT_AVX512 void scale_row(const float* x, float factor, int64_t count, BFloat16* y) {
  for (int64_t i = 0; i < count; i += 16) {
    const auto mask = avx512::lanes(count - i);
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), _mm512_set1_ps(factor));
    _mm256_mask_storeu_epi16(y + i, mask, avx512::narrow(v));
  }
}

/// p = e^(scale score - log_sum), ds = p (dp - delta) scale, over kTile keys of which the first
/// `count` are seen.
GPTKIT_AVX512 void backward_row(const float* scores, const float* dp, int64_t count, float scale,
                                float log_sum, float delta, BFloat16* p, BFloat16* ds) {
  const __m512 s = _mm512_set1_ps(scale), l = _mm512_set1_ps(log_sum), d = _mm512_set1_ps(delta);
  for (int64_t i = 0; i < kTile; i += 16) {
    const auto mask = avx512::lanes(std::max<int64_t>(0, count - i));
    const __m512 e = avx512::exp(_mm512_fmsub_ps(_mm512_maskz_loadu_ps(mask, scores + i), s, l));
    const __m512 weight = _mm512_maskz_mov_ps(mask, e);
    const __m512 g = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, dp + i), d), s);
    avx512::store(p + i, weight);
    avx512::store(ds + i, _mm512_maskz_mul_ps(mask, weight, g));
  }
}

GPTKIT_AVX512 float dot(const BFloat16* a, const BFloat16* b, int64_t count) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += 16) {
    const auto mask = avx512::lanes(count - i);
    sum = _mm512_fmadd_ps(avx512::widen(_mm256_maskz_loadu_epi16(mask, a + i)),
                          avx512::widen(_mm256_maskz_loadu_epi16(mask, b + i)), sum);
  }
  return _mm512_reduce_add_ps(sum);
}

/// Sizes that forward and backward share. Task i is a head of a sequence; neighbours are of other
/// sequences, so that threads get as much to do where these differ in length.
struct Shape {
  at::IntArrayRef offsets;
  int64_t N, B, D, C, tasks;
  Shape(const torch::Tensor& qkv, at::IntArrayRef offsets_, int64_t heads)
      : offsets(offsets_),
        N(qkv.size(0)),
        B(std::ssize(offsets) - 1),
        D(qkv.size(1) / 3 / heads),
        C(qkv.size(1) / 3),
        tasks(B * heads) {}
  int64_t first_row(int64_t i) const { return offsets[static_cast<size_t>(i % B)]; }
  Head head(const torch::Tensor& qkv, int64_t i) const {
    const auto* row = qkv.const_data_ptr<BFloat16>() + first_row(i) * 3 * C + i / B * D;
    const int64_t T = offsets[static_cast<size_t>(i % B + 1)] - first_row(i);
    return {row, row + C, row + 2 * C, 3 * C, T, D, static_cast<float>(1 / std::sqrt(D))};
  }
  /// Where the task's head begins in an (N,C) matrix, and its queries in an (H,N) one.
  int64_t in_rows(int64_t i) const { return first_row(i) * C + i / B * D; }
  int64_t in_queries(int64_t i) const { return i / B * N + first_row(i); }
};

void forward_head(const Head& head, int64_t C, BFloat16* y, float* log_sums) {
  const int64_t tiles = (head.T + kTile - 1) / kTile, width = tiles * kTile;
  const Panels keys{panels::scratch_bfloat16(0, tiles * kPanel * head.D), kPanel * head.D};
  const Panels values{panels::scratch_bfloat16(1, tiles * kPanel * kTile), kPanel * kTile};
  auto* scores = panels::scratch_float(2, kTile * width + kTile * kPanel + kTile);
  auto* out = scores + kTile * width;
  auto* inverse = out + kTile * kPanel;
  auto* p = panels::scratch_bfloat16(3, kTile * width);
  pack_tiles_by_rows(head.k, head, keys);
  pack_tiles_by_columns(head.v, head, values);
  for (int64_t t = 0; t < head.T; t += kTile) {
    const int64_t rows = std::min(kTile, head.T - t), seen = t / kTile + 1;
    for (int64_t j = 0; j < seen; ++j) {
      multiply_tile(head, head.q + t * head.stride, head.stride, rows, keys.tile(j),
                    scores + j * kTile, width);
    }
    for (int64_t r = 0; r < rows; ++r) {
      log_sums[t + r] = softmax_row(scores + r * width, t + r + 1, seen * kTile, head.scale,
                                    p + r * width, inverse + r);
    }
    for (int64_t j = 0; j < seen; ++j) {
      const int64_t depth = panels::round_up(std::min(kTile, head.T - j * kTile), panels::kDepth);
      panels::multiply(rows, head.D, depth, p + j * kTile, width, values.tile(j), out, kPanel,
                       j > 0);
    }
    for (int64_t r = 0; r < rows; ++r) {
      scale_row(out + r * kPanel, inverse[r], head.D, y + (t + r) * C);
    }
  }
}

/// Where the gradients of one head go, and what comes in.
struct HeadGradient {
  const BFloat16 *dy, *y;  // row length C
  const float* log_sums;
  BFloat16 *dq, *dk, *dv;  // row length 3C
};

void backward_head(const Head& head, int64_t C, const HeadGradient& gradient) {
  const int64_t tiles = (head.T + kTile - 1) / kTile, D = head.D, panel = kPanel * D;
  constexpr int64_t kSquare = kTile * kTile;
  auto* packed = panels::scratch_bfloat16(0, 2 * tiles * panel + tiles * kPanel * kTile);
  const Panels keys{packed, panel}, values{packed + tiles * panel, panel};
  const Panels key_rows{packed + 2 * tiles * panel, kPanel * kTile};
  auto* sums = panels::scratch_float(1, 2 * tiles * kTile * D);
  auto *dk = sums, *dv = sums + tiles * kTile * D;
  auto* tile = panels::scratch_float(2, 2 * kSquare + kTile * D + kTile);
  auto *scores = tile, *dp = tile + kSquare, *dq = dp + kSquare, *delta = dq + kTile * D;
  auto* half = panels::scratch_bfloat16(3, 4 * kSquare + 2 * kPanel * kTile);
  auto *p = half, *ds = p + kSquare, *p_turned = ds + kSquare, *ds_turned = p_turned + kSquare;
  auto *q_panel = ds_turned + kSquare, *dy_panel = q_panel + kPanel * kTile;
  pack_tiles_by_rows(head.k, head, keys);
  pack_tiles_by_rows(head.v, head, values);
  pack_tiles_by_columns(head.k, head, key_rows);

  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t t = i * kTile, rows = std::min(kTile, head.T - t);
    const int64_t depth = panels::round_up(rows, panels::kDepth);
    const auto *q = head.q + t * head.stride, *dy = gradient.dy + t * C;
    for (int64_t r = 0; r < rows; ++r) {
      delta[r] = dot(dy + r * C, gradient.y + (t + r) * C, D);
    }
    panels::pack_columns(q, head.stride, D, rows, q_panel);
    panels::pack_columns(dy, C, D, rows, dy_panel);
    for (int64_t j = 0; j <= i; ++j) {
      const int64_t s = j * kTile, columns = std::min(kTile, head.T - s);
      multiply_tile(head, q, head.stride, rows, keys.tile(j), scores, kTile);
      multiply_tile(head, dy, C, rows, values.tile(j), dp, kTile);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t at = r * kTile;
        backward_row(scores + at, dp + at, std::min(kTile, t + r + 1 - s), head.scale,
                     gradient.log_sums[t + r], delta[r], p + at, ds + at);
      }
      // dq += ds k; dk += ds^T q; dv += p^T dy. Row i of dk and dv is first met by tile i itself.
      panels::multiply(rows, D, panels::round_up(columns, panels::kDepth), ds, kTile,
                       key_rows.tile(j), dq, D, j > 0);
      panels::transpose_block(ds, kTile, rows, columns, depth, ds_turned);
      panels::transpose_block(p, kTile, rows, columns, depth, p_turned);
      panels::multiply(columns, D, depth, ds_turned, depth, q_panel, dk + s * D, D, j < i);
      panels::multiply(columns, D, depth, p_turned, depth, dy_panel, dv + s * D, D, j < i);
    }
    for (int64_t r = 0; r < rows; ++r) {
      scale_row(dq + r * D, 1, D, gradient.dq + (t + r) * head.stride);
    }
  }
  for (int64_t t = 0; t < head.T; ++t) {
    scale_row(dk + t * D, 1, D, gradient.dk + t * head.stride);
    scale_row(dv + t * D, 1, D, gradient.dv + t * head.stride);
  }
}

}  // namespace

bool fits_attention_bfloat16(int64_t head_dim) {
  return head_dim % panels::kDepth == 0 && head_dim <= kPanel;
}

std::vector<int64_t> even_offsets(int64_t B, int64_t T) {
  std::vector<int64_t> offsets;
  for (int64_t b = 0; b <= B; ++b) offsets.push_back(b * T);
  return offsets;
}

AttentionOutput causal_attention_bfloat16(const torch::Tensor& qkv, at::IntArrayRef offsets,
                                          int64_t H) {
  const Shape s(qkv, offsets, H);
  AttentionOutput result{at::empty({s.N, s.C}, qkv.options()),
                         at::empty({H, s.N}, qkv.options().dtype(torch::kFloat32))};
  auto* y = result.y.mutable_data_ptr<BFloat16>();
  auto* log_sums = result.logsumexp.mutable_data_ptr<float>();
  at::parallel_for(0, s.tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      forward_head(s.head(qkv, i), s.C, y + s.in_rows(i), log_sums + s.in_queries(i));
    }
    panels::release();
  });
  return result;
}

torch::Tensor causal_attention_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& qkv,
                                                 const AttentionOutput& forward,
                                                 at::IntArrayRef offsets, int64_t H) {
  const Shape s(qkv, offsets, H);
  auto dqkv = at::empty_like(qkv);
  const auto *d = dy.const_data_ptr<BFloat16>(), *y = forward.y.const_data_ptr<BFloat16>();
  const auto* log_sums = forward.logsumexp.const_data_ptr<float>();
  auto* out = dqkv.mutable_data_ptr<BFloat16>();
  at::parallel_for(0, s.tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      auto* dq = out + s.first_row(i) * 3 * s.C + i / s.B * s.D;
      backward_head(s.head(qkv, i), s.C,
                    {d + s.in_rows(i), y + s.in_rows(i), log_sums + s.in_queries(i), dq, dq + s.C,
                     dq + 2 * s.C});
    }
    panels::release();
  });
  return dqkv;
}

namespace {

class CausalAttentionFunction : public torch::autograd::Function<CausalAttentionFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& qkv,
                               const std::vector<int64_t>& offsets, int64_t H) {
    const auto rows = qkv.contiguous().view({-1, qkv.size(-1)});
    const auto out = causal_attention_bfloat16(rows, offsets, H);
    context->save_for_backward({rows, out.y, out.logsumexp});
    context->saved_data["offsets"] = offsets;
    context->saved_data["heads"] = H;
    auto shape = qkv.sizes().vec();
    shape.back() /= 3;
    return out.y.view(shape);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto dy = outputs[0].to(torch::kBFloat16).contiguous().view_as(saved[1]);
    const auto dqkv = causal_attention_backward_bfloat16(
        dy, saved[0], {saved[1], saved[2]}, context->saved_data["offsets"].toIntVector(),
        context->saved_data["heads"].toInt());
    auto shape = outputs[0].sizes().vec();
    shape.back() *= 3;
    return {dqkv.view(shape), {}, {}};
  }
};

}  // namespace

torch::Tensor causal_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H) {
  return CausalAttentionFunction::apply(qkv, offsets, H);
}

}  // namespace gptkit
