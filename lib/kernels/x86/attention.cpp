#include "kernels/x86/attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/x86/avx512.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

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
  bool causal;

  int64_t tiles() const { return (T + kTile - 1) / kTile; }
  /// D, padded for multiplications, which go in steps of kDepth.
  int64_t depth() const { return panels::round_up(D, panels::kDepth); }
  /// Panels beside each other where D is the width: a panel has kPanel columns.
  int64_t panels_wide() const { return (D + kPanel - 1) / kPanel; }
  /// Tiles of keys that queries of tile i see, and keys that query t sees.
  int64_t tiles_seen(int64_t i) const { return causal ? i + 1 : tiles(); }
  int64_t keys_seen(int64_t t) const { return causal ? t + 1 : T; }
};

/// The panels of a sequence's tiles, one after the other.
struct Panels {
  BFloat16* data;
  int64_t size;  // of one tile's panels, in elements
  BFloat16* tile(int64_t i) const { return data + i * size; }
};

/// Rows and how far one is from the next.
struct Rows {
  const BFloat16* data;
  int64_t stride;
};

/// The rows of a tile padded with zeros to the head's depth; without a copy where it is D.
Rows with_depth(const Head& head, Rows x, int64_t rows, BFloat16* room) {
  const int64_t D = head.D, depth = head.depth();
  if (D == depth) return x;
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(x.data + r * x.stride, D, room + r * depth);
    std::fill(room + r * depth + D, room + (r + 1) * depth, BFloat16(0.0F));
  }
  return {room, depth};
}

/// Columns of a panel of D, from a multiple of kPanel on, in steps of kDepth.
int64_t columns_from(const Head& head, int64_t column) {
  return std::min(kPanel, head.depth() - column);
}

/// D columns of a tile's rows as panels side by side.
void pack_wide(const Head& head, Rows x, int64_t rows, BFloat16* out) {
  for (int64_t column = 0; column < head.D; column += kPanel) {
    panels::pack_columns(x.data + column, x.stride, std::min(kPanel, head.D - column), rows,
                         out + column * kTile);
  }
}

/// out (rows, D) [+]= a (rows, depth) times panels side by side.
void multiply_wide(const Head& head, int64_t rows, int64_t depth, Rows a, const BFloat16* panel,
                   float* out, int64_t out_stride, bool add) {
  for (int64_t column = 0; column < head.D; column += kPanel) {
    panels::multiply(rows, columns_from(head, column), depth, a.data, a.stride,
                     panel + column * kTile, out + column, out_stride, add);
  }
}

void pack_tiles_by_rows(const BFloat16* x, const Head& head, const Panels& out) {
  for (int64_t t = 0; t < head.T; t += kTile) {
    panels::pack_rows(x + t * head.stride, head.stride, std::min(kTile, head.T - t), head.D,
                      out.tile(t / kTile));
  }
}

void pack_tiles_by_columns(const BFloat16* x, const Head& head, const Panels& out) {
  for (int64_t t = 0; t < head.T; t += kTile) {
    pack_wide(head, {x + t * head.stride, head.stride}, std::min(kTile, head.T - t),
              out.tile(t / kTile));
  }
}

/// scores (64,64) = queries times a panel of keys.
void multiply_tile(const Head& head, Rows a, int64_t rows, const BFloat16* panel, float* out,
                   int64_t out_stride) {
  panels::multiply(rows, kTile, head.depth(), a.data, a.stride, panel, out, out_stride, false);
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

/// Sizes that forward and backward share. Task i is a head of a sequence; neighbouring tasks belong
/// to different sequences, so that threads get equal work when lengths differ.
struct Shape {
  at::IntArrayRef offsets;
  bool causal;
  int64_t N, B, D, C, tasks;
  Shape(const torch::Tensor& qkv, at::IntArrayRef offsets_, int64_t heads, bool causal_)
      : offsets(offsets_),
        causal(causal_),
        N(qkv.size(0)),
        B(std::ssize(offsets) - 1),
        D(qkv.size(1) / 3 / heads),
        C(qkv.size(1) / 3),
        tasks(B * heads) {}
  int64_t first_row(int64_t i) const { return offsets[static_cast<size_t>(i % B)]; }
  Head head(const torch::Tensor& qkv, int64_t i) const {
    const auto* row = qkv.const_data_ptr<BFloat16>() + first_row(i) * 3 * C + i / B * D;
    const int64_t T = offsets[static_cast<size_t>(i % B + 1)] - first_row(i);
    return {row, row + C, row + 2 * C, 3 * C, T, D, static_cast<float>(1 / std::sqrt(D)), causal};
  }
  /// Where the task's head begins in an (N,C) matrix, and its queries in an (H,N) one.
  int64_t in_rows(int64_t i) const { return first_row(i) * C + i / B * D; }
  int64_t in_queries(int64_t i) const { return i / B * N + first_row(i); }
};

void forward_head(const Head& head, int64_t C, BFloat16* y, float* log_sums) {
  const int64_t tiles = head.tiles(), width = tiles * kTile, depth = head.depth();
  const int64_t wide = head.panels_wide() * kPanel;  // row length of the output's tile
  const Panels keys{panels::scratch_bfloat16(0, tiles * kPanel * depth), kPanel * depth};
  const Panels values{panels::scratch_bfloat16(1, tiles * wide * kTile), wide * kTile};
  auto* scores = panels::scratch_float(2, kTile * width + kTile * wide + kTile);
  auto* out = scores + kTile * width;
  auto* inverse = out + kTile * wide;
  auto* p = panels::scratch_bfloat16(3, kTile * width + kTile * depth);
  auto* room = p + kTile * width;
  pack_tiles_by_rows(head.k, head, keys);
  pack_tiles_by_columns(head.v, head, values);
  for (int64_t t = 0; t < head.T; t += kTile) {
    const int64_t rows = std::min(kTile, head.T - t), seen = head.tiles_seen(t / kTile);
    const auto q = with_depth(head, {head.q + t * head.stride, head.stride}, rows, room);
    for (int64_t j = 0; j < seen; ++j) {
      multiply_tile(head, q, rows, keys.tile(j), scores + j * kTile, width);
    }
    for (int64_t r = 0; r < rows; ++r) {
      log_sums[t + r] = softmax_row(scores + r * width, head.keys_seen(t + r), seen * kTile,
                                    head.scale, p + r * width, inverse + r);
    }
    for (int64_t j = 0; j < seen; ++j) {
      const int64_t keys_deep =
          panels::round_up(std::min(kTile, head.T - j * kTile), panels::kDepth);
      multiply_wide(head, rows, keys_deep, {p + j * kTile, width}, values.tile(j), out, wide,
                    j > 0);
    }
    for (int64_t r = 0; r < rows; ++r) {
      scale_row(out + r * wide, inverse[r], head.D, y + (t + r) * C);
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
  const int64_t tiles = head.tiles(), D = head.D, deep = head.depth(), panel = kPanel * deep;
  const int64_t wide = head.panels_wide() * kPanel * kTile;
  constexpr int64_t kSquare = kTile * kTile;
  auto* packed = panels::scratch_bfloat16(0, 2 * tiles * panel + tiles * wide);
  const Panels keys{packed, panel}, values{packed + tiles * panel, panel};
  const Panels key_rows{packed + 2 * tiles * panel, wide};
  auto* sums = panels::scratch_float(1, 2 * tiles * kTile * deep);
  auto *dk = sums, *dv = sums + tiles * kTile * deep;
  auto* tile = panels::scratch_float(2, 2 * kSquare + kTile * deep + kTile);
  auto *scores = tile, *dp = tile + kSquare, *dq = dp + kSquare, *delta = dq + kTile * deep;
  auto* half = panels::scratch_bfloat16(3, 4 * kSquare + 2 * wide + 2 * kTile * deep);
  auto *p = half, *ds = p + kSquare, *p_turned = ds + kSquare, *ds_turned = p_turned + kSquare;
  auto *q_panel = ds_turned + kSquare, *dy_panel = q_panel + wide;
  auto *q_room = dy_panel + wide, *dy_room = q_room + kTile * deep;
  pack_tiles_by_rows(head.k, head, keys);
  pack_tiles_by_rows(head.v, head, values);
  pack_tiles_by_columns(head.k, head, key_rows);

  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t t = i * kTile, rows = std::min(kTile, head.T - t);
    const int64_t depth = panels::round_up(rows, panels::kDepth);
    const Rows q{head.q + t * head.stride, head.stride}, dy{gradient.dy + t * C, C};
    for (int64_t r = 0; r < rows; ++r) {
      delta[r] = dot(dy.data + r * C, gradient.y + (t + r) * C, D);
    }
    pack_wide(head, q, rows, q_panel);
    pack_wide(head, dy, rows, dy_panel);
    const auto q_deep = with_depth(head, q, rows, q_room);
    const auto dy_deep = with_depth(head, dy, rows, dy_room);
    for (int64_t j = 0; j < head.tiles_seen(i); ++j) {
      const int64_t s = j * kTile, columns = std::min(kTile, head.T - s);
      multiply_tile(head, q_deep, rows, keys.tile(j), scores, kTile);
      multiply_tile(head, dy_deep, rows, values.tile(j), dp, kTile);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t at = r * kTile;
        backward_row(scores + at, dp + at, std::min(kTile, head.keys_seen(t + r) - s), head.scale,
                     gradient.log_sums[t + r], delta[r], p + at, ds + at);
      }
      // dq += ds k; dk += ds^T q; dv += p^T dy.
      const bool met = head.causal ? j < i : i > 0;  // whether dk and dv hold sums already
      multiply_wide(head, rows, panels::round_up(columns, panels::kDepth), {ds, kTile},
                    key_rows.tile(j), dq, deep, j > 0);
      panels::transpose_block(ds, kTile, rows, columns, depth, ds_turned);
      panels::transpose_block(p, kTile, rows, columns, depth, p_turned);
      multiply_wide(head, columns, depth, {ds_turned, depth}, q_panel, dk + s * deep, deep, met);
      multiply_wide(head, columns, depth, {p_turned, depth}, dy_panel, dv + s * deep, deep, met);
    }
    for (int64_t r = 0; r < rows; ++r) {
      scale_row(dq + r * deep, 1, D, gradient.dq + (t + r) * head.stride);
    }
  }
  for (int64_t t = 0; t < head.T; ++t) {
    scale_row(dk + t * deep, 1, D, gradient.dk + t * head.stride);
    scale_row(dv + t * deep, 1, D, gradient.dv + t * head.stride);
  }
}

}  // namespace

AttentionOutput attention_bfloat16(const torch::Tensor& qkv, at::IntArrayRef offsets, int64_t H,
                                   bool causal) {
  const Shape s(qkv, offsets, H, causal);
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

torch::Tensor attention_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& qkv,
                                          const AttentionOutput& forward, at::IntArrayRef offsets,
                                          int64_t H, bool causal) {
  const Shape s(qkv, offsets, H, causal);
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

class PackedAttentionFunction : public torch::autograd::Function<PackedAttentionFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& qkv,
                               const std::vector<int64_t>& offsets, int64_t H, bool causal) {
    const auto rows = qkv.contiguous().view({-1, qkv.size(-1)});
    const auto out = attention_bfloat16(rows, offsets, H, causal);
    context->save_for_backward({rows, out.y, out.logsumexp});
    context->saved_data["offsets"] = offsets;
    context->saved_data["heads"] = H;
    context->saved_data["causal"] = causal;
    auto shape = qkv.sizes().vec();
    shape.back() /= 3;
    return out.y.view(shape);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    const auto dy = outputs[0].to(torch::kBFloat16).contiguous().view_as(saved[1]);
    const auto dqkv = attention_backward_bfloat16(
        dy, saved[0], {saved[1], saved[2]}, context->saved_data["offsets"].toIntVector(),
        context->saved_data["heads"].toInt(), context->saved_data["causal"].toBool());
    auto shape = outputs[0].sizes().vec();
    shape.back() *= 3;
    return {dqkv.view(shape), {}, {}, {}};
  }
};

}  // namespace

torch::Tensor packed_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H, bool causal) {
  return PackedAttentionFunction::apply(qkv, offsets, H, causal);
}

}  // namespace gptkit::x86
