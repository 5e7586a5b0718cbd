#include "kernels/x86/matmul.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <initializer_list>

#include "kernels/x86/avx512.h"
#include "kernels/x86/panels.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;
using panels::kPanel;
using panels::kRows;

const BFloat16* data(const torch::Tensor& t) { return t.const_data_ptr<BFloat16>(); }
const float* bias_data(const torch::Tensor& t) {
  return t.defined() ? t.const_data_ptr<float>() : nullptr;
}

torch::Tensor empty_bfloat16(const torch::Tensor& like, int64_t columns) {
  return at::empty({like.size(0), columns}, like.options().dtype(torch::kBFloat16));
}

/// Number of row groups; enough that every thread gets a few tasks.
int64_t row_groups(int64_t rows, int64_t column_panels) {
  const int64_t wanted = (2 * at::get_num_threads() + column_panels - 1) / column_panels;
  return std::clamp<int64_t>(wanted, 1, (rows + 4 * kRows - 1) / (4 * kRows));
}

/// A matrix (rows, source.depth) and its right-hand factor: source.pack(first column, width, panel)
/// packs a panel of the factor, source.prefetch(column, part, parts) prefetches a part of one.
template <class Source>
struct Product {
  const BFloat16* a;
  Source source;
};

/// The sum of one or more products, panel by panel. store(row, rows, column, width, tile) receives
/// tiles of row length kPanel.
template <class Source, class Store>
void multiply_panels(int64_t rows, std::initializer_list<Product<Source>> sum, const Store& store) {
  const int64_t columns = sum.begin()->source.columns;
  const int64_t count = (columns + kPanel - 1) / kPanel;
  const int64_t groups = row_groups(rows, count);
  const int64_t group_rows = panels::round_up((rows + groups - 1) / groups, kRows);
  int64_t depth = 0;
  for (const auto& product : sum) depth += product.source.depth;
  at::parallel_for(0, count * groups, 1, [&](int64_t begin, int64_t end) {
    auto* panel = panels::scratch_bfloat16(
        0, kPanel * panels::round_up(depth, panels::kDepth));  // only the last may need rounding
    auto* tile = panels::scratch_float(1, kRows * kPanel);
    int64_t packed = -1;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t column = task / groups * kPanel, width = std::min(kPanel, columns - column);
      if (packed != column) {
        auto* part = panel;
        for (const auto& product : sum) {
          product.source.pack(column, width, part);
          part += kPanel * product.source.depth;
        }
      }
      packed = column;
      const int64_t first = task % groups * group_rows, last = std::min(rows, first + group_rows);
      const bool more = task + 1 < end && column + kPanel < columns && task % groups == groups - 1;
      for (int64_t row = first; row < last; row += kRows) {
        const int64_t m = std::min(kRows, rows - row);
        if (more) {
          const int64_t tiles = (last - first + kRows - 1) / kRows;
          sum.begin()->source.prefetch(column + kPanel, (row - first) / kRows, tiles);
        }
        const auto* part = panel;
        for (const auto& product : sum) {
          const int64_t k = product.source.depth;
          panels::multiply(m, kPanel, k, product.a + row * k, k, part, tile, kPanel,
                           /*add=*/&product != sum.begin());
          part += kPanel * k;
        }
        store(row, m, column, width, tile);
      }
    }
    panels::release();
  });
}

/// 16 elements of a tile's row plus the bias.
GPTKIT_AVX512_INLINE __m512 with_bias(const float* tile, const float* bias, __mmask16 mask) {
  const __m512 sum = _mm512_maskz_loadu_ps(mask, tile);
  return bias ? _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, bias)) : sum;
}

GPTKIT_AVX512 void store_row(const float* tile, const float* bias, int64_t width, BFloat16* out) {
  for (int64_t i = 0; i < width; i += 16) {
    const auto mask = avx512::lanes(width - i);
    const __m512 y = with_bias(tile + i, bias ? bias + i : nullptr, mask);
    _mm256_mask_storeu_epi16(out + i, mask, avx512::narrow(y));
  }
}

GPTKIT_AVX512 void store_gelu_row(const float* tile, const float* bias, int64_t width,
                                  BFloat16* before, BFloat16* after) {
  for (int64_t i = 0; i < width; i += 16) {
    const auto mask = avx512::lanes(width - i);
    // GELU of the rounded value: the backward pass sees the same one.
    const __m256i u = avx512::narrow(with_bias(tile + i, bias ? bias + i : nullptr, mask));
    if (before) _mm256_mask_storeu_epi16(before + i, mask, u);
    const __m512 g = avx512::gelu(avx512::widen(u)).value;
    _mm256_mask_storeu_epi16(after + i, mask, avx512::narrow(g));
  }
}

GPTKIT_AVX512 void store_residual_row(const float* tile, const float* bias, int64_t width,
                                      const float* residual, float* out) {
  for (int64_t i = 0; i < width; i += 16) {
    const auto mask = avx512::lanes(width - i);
    const __m512 y = with_bias(tile + i, bias ? bias + i : nullptr, mask);
    _mm512_mask_storeu_ps(out + i, mask,
                          _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, residual + i)));
  }
}

GPTKIT_AVX512 void store_gelu_slope_row(const float* tile, const BFloat16* u, int64_t width,
                                        BFloat16* du, BFloat16* after) {
  for (int64_t i = 0; i < width; i += 16) {
    const auto mask = avx512::lanes(width - i);
    const auto g = avx512::gelu(avx512::widen(_mm256_maskz_loadu_epi16(mask, u + i)));
    const __m512 slope = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, tile + i), g.slope);
    _mm256_mask_storeu_epi16(du + i, mask, avx512::narrow(slope));
    _mm256_mask_storeu_epi16(after + i, mask, avx512::narrow(g.value));
  }
}

/// W^T's columns, which are W's rows.
struct RowPanels {
  const float* w;
  int64_t columns, depth;
  void pack(int64_t column, int64_t width, BFloat16* panel) const {
    panels::pack_rows(w + column * depth, depth, width, depth, panel);
  }
  void prefetch(int64_t column, int64_t part, int64_t parts) const {
    const int64_t width = std::min(kPanel, columns - column);
    const int64_t begin = part * width / parts, end = (part + 1) * width / parts;
    panels::prefetch(w + (column + begin) * depth, depth, end - begin, depth);
  }
};

/// W's own columns.
struct ColumnPanels {
  const float* w;
  int64_t columns, depth;
  void pack(int64_t column, int64_t width, BFloat16* panel) const {
    panels::pack_columns(w + column, columns, width, depth, panel);
  }
  void prefetch(int64_t column, int64_t part, int64_t parts) const {
    const int64_t begin = part * depth / parts, end = (part + 1) * depth / parts;
    panels::prefetch(w + begin * columns + column, columns, end - begin,
                     std::min(kPanel, columns - column));
  }
};

/// Gives each tile's rows to store_one(row, column, width, sums of the row).
template <class StoreRow>
auto by_rows(StoreRow store_one) {
  return [store_one](int64_t row, int64_t rows, int64_t column, int64_t width, const float* tile) {
    for (int64_t i = 0; i < rows; ++i) store_one(row + i, column, width, tile + i * kPanel);
  };
}

Product<RowPanels> times_transposed(const torch::Tensor& x, const torch::Tensor& w) {
  return {data(x), {w.const_data_ptr<float>(), w.size(0), w.size(1)}};
}
Product<ColumnPanels> times(const torch::Tensor& x, const torch::Tensor& w) {
  return {data(x), {w.const_data_ptr<float>(), w.size(1), w.size(0)}};
}

/// Stores a tile's rows in y, rounded, with the bias where there is one.
auto rounded_into(torch::Tensor& y, const torch::Tensor& bias) {
  auto* out = y.mutable_data_ptr<BFloat16>();
  const float* b = bias_data(bias);
  const int64_t columns = y.size(1);
  return [out, b, columns](int64_t row, int64_t column, int64_t width, const float* tile) {
    store_row(tile, b ? b + column : nullptr, width, out + row * columns + column);
  };
}

/// x W^T
template <class StoreRow>
void forward(const torch::Tensor& x, const torch::Tensor& weight, const StoreRow& store_one) {
  multiply_panels(x.size(0), {times_transposed(x, weight)}, by_rows(store_one));
}

/// dy W
template <class StoreRow>
void backward(const torch::Tensor& dy, const torch::Tensor& weight, const StoreRow& store_one) {
  multiply_panels(dy.size(0), {times(dy, weight)}, by_rows(store_one));
}

/// Adds the sum of each of the `rows` rows (length `depth`) of x to out, or writes it.
GPTKIT_AVX512 void add_row_sums(const BFloat16* x, int64_t rows, int64_t depth, bool add,
                                float* out) {
  for (int64_t i = 0; i < rows; ++i) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t t = 0; t < depth; t += 16) {
      sum = _mm512_add_ps(sum, avx512::load(x + i * depth + t));
    }
    out[i] = _mm512_reduce_add_ps(sum) + (add ? out[i] : 0.0F);
  }
}

}  // namespace

torch::Tensor linear_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias) {
  auto y = empty_bfloat16(x, weight.size(0));
  forward(x, weight, rounded_into(y, bias));
  return y;
}

torch::Tensor linear_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                              const torch::Tensor& bias, const torch::Tensor& u,
                              const torch::Tensor& b) {
  auto y = empty_bfloat16(x, weight.size(0));
  multiply_panels(x.size(0), {times_transposed(x, weight), times_transposed(u, b)},
                  by_rows(rounded_into(y, bias)));
  return y;
}

GeluOutput linear_gelu_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                                const torch::Tensor& bias, bool keep_before) {
  const int64_t O = weight.size(0);
  GeluOutput y{keep_before ? empty_bfloat16(x, O) : torch::Tensor(), empty_bfloat16(x, O)};
  auto* before = keep_before ? y.before.mutable_data_ptr<BFloat16>() : nullptr;
  auto* after = y.after.mutable_data_ptr<BFloat16>();
  const float* b = bias_data(bias);
  forward(x, weight, [&](int64_t row, int64_t column, int64_t width, const float* tile) {
    const int64_t at = row * O + column;
    store_gelu_row(tile, b ? b + column : nullptr, width, before ? before + at : nullptr,
                   after + at);
  });
  return y;
}

torch::Tensor linear_residual_bfloat16(const torch::Tensor& x, const torch::Tensor& weight,
                                       const torch::Tensor& bias, const torch::Tensor& residual) {
  const int64_t O = weight.size(0);
  auto y = at::empty_like(residual);
  auto* out = y.mutable_data_ptr<float>();
  const float* r = residual.const_data_ptr<float>();
  const float* b = bias_data(bias);
  forward(x, weight, [&](int64_t row, int64_t column, int64_t width, const float* tile) {
    const int64_t at = row * O + column;
    store_residual_row(tile, b ? b + column : nullptr, width, r + at, out + at);
  });
  return y;
}

torch::Tensor linear_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& weight) {
  auto dx = empty_bfloat16(dy, weight.size(1));
  backward(dy, weight, rounded_into(dx, {}));
  return dx;
}

torch::Tensor linear_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& weight,
                                       const torch::Tensor& du, const torch::Tensor& a) {
  auto dx = empty_bfloat16(dy, weight.size(1));
  multiply_panels(dy.size(0), {times(dy, weight), times(du, a)}, by_rows(rounded_into(dx, {})));
  return dx;
}

GeluOutput linear_gelu_backward_bfloat16(const torch::Tensor& dy, const torch::Tensor& weight,
                                         const torch::Tensor& u) {
  const int64_t I = weight.size(1);
  GeluOutput result{empty_bfloat16(dy, I), empty_bfloat16(dy, I)};
  auto* du = result.before.mutable_data_ptr<BFloat16>();
  auto* after = result.after.mutable_data_ptr<BFloat16>();
  backward(dy, weight, [&](int64_t row, int64_t column, int64_t width, const float* tile) {
    const int64_t at = row * I + column;
    store_gelu_slope_row(tile, data(u) + at, width, du + at, after + at);
  });
  return result;
}

void add_weight_gradient_bfloat16(const torch::Tensor& dy, const torch::Tensor& x, Gradient& weight,
                                  Gradient& bias) {
  if (!weight && !bias) return;
  const int64_t N = dy.size(0), O = dy.size(1), I = x.size(1);
  const int64_t depth = panels::round_up(N, panels::kDepth);
  const int64_t count = (I + kPanel - 1) / kPanel;
  const bool add_bias = !bias.take_fresh(), add_weight = !weight.take_fresh();
  float* db = bias ? bias.data() : nullptr;
  float* dw = weight ? weight.data() : nullptr;

  // Every thread reads x's panels; one thread reads each transposed block of dy.
  torch::Tensor packed;
  if (dw) {
    packed = at::empty({count, depth * kPanel}, x.options());
    auto* out = packed.mutable_data_ptr<BFloat16>();
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t column = p * kPanel;
        panels::pack_columns(data(x) + column, I, std::min(kPanel, I - column), N,
                             out + p * depth * kPanel);
      }
    });
  }
  at::parallel_for(0, (O + kRows - 1) / kRows, 1, [&](int64_t begin, int64_t end) {
    auto* block = panels::scratch_bfloat16(0, kRows * depth);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task * kRows, rows = std::min(kRows, O - row);
      panels::transpose_block(data(dy) + row, O, N, rows, depth, block);
      if (db) add_row_sums(block, rows, depth, add_bias, db + row);
      for (int64_t p = 0; dw && p < count; ++p) {
        const int64_t column = p * kPanel;
        if (p + 1 < count) {
          panels::prefetch(dw + row * I + column + kPanel, I, rows,
                           std::min(kPanel, I - column - kPanel));
        }
        panels::multiply(rows, std::min(kPanel, I - column), depth, block, depth,
                         data(packed) + p * depth * kPanel, dw + row * I + column, I, add_weight);
      }
    }
    panels::release();
  });
}

}  // namespace gptkit::x86
