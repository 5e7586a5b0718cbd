// A chunk of linear_cross_entropy in bfloat16. First the logits, with each row's maximum and sum of
// exponentials kept along (arXiv:1805.02867); then, a block of the vocabulary at a time while it is
// in the cache, their gradient and both multiplications with it.

#include "kernels/cross_entropy.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/x86/avx512.h"
#include "kernels/x86/panels.h"
#include "kernels/x86/variants.h"

namespace gptkit::x86 {

namespace {

using c10::BFloat16;
using panels::kPanel;
using panels::kRows;

constexpr int64_t kBlock = 256;  // of the vocabulary, in the second pass

/// A row's running maximum and the sum of e^(logit - maximum).
struct Running {
  float maximum = -std::numeric_limits<float>::infinity(), sum = 0;

  void add(Running other) {
    if (other.sum == 0) return;
    const float top = std::max(maximum, other.maximum);
    // std::max would lose a NaN; a sum that is NaN must stay so.
    sum =
        (sum == 0 ? 0 : sum * std::exp(maximum - top)) + other.sum * std::exp(other.maximum - top);
    maximum = top;
  }
  float log_sum() const { return maximum + std::log(sum); }
};

/// Rounds a tile's row into the logits and gives its own maximum and sum.
GPTKIT_AVX512 Running store_logits(const float* tile, int64_t width, BFloat16* logits) {
  __m512 values[4], top = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < width; i += 16) {
    const auto mask = avx512::lanes(width - i);
    const __m256i half = avx512::narrow(_mm512_loadu_ps(tile + i));
    if (logits) _mm256_mask_storeu_epi16(logits + i, mask, half);
    values[i / 16] = avx512::widen(half);
    top = _mm512_mask_max_ps(top, mask, top, values[i / 16]);
  }
  Running row{_mm512_reduce_max_ps(top), 0};
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < width; i += 16) {
    const auto mask = avx512::lanes(width - i);
    const __m512 e = avx512::exp(_mm512_sub_ps(values[i / 16], _mm512_set1_ps(row.maximum)));
    sum = _mm512_mask_add_ps(sum, mask, sum, e);
  }
  row.sum = _mm512_reduce_add_ps(sum);
  return row;
}

/// gradient = softmax * scale, zeros beyond `width` up to kBlock.
GPTKIT_AVX512 void softmax_row(const BFloat16* logits, int64_t width, float log_sum, float scale,
                               BFloat16* gradient) {
  const __m512 shift = _mm512_set1_ps(log_sum), factor = _mm512_set1_ps(scale);
  for (int64_t i = 0; i < kBlock; i += 16) {
    const auto mask = avx512::lanes(std::max<int64_t>(0, width - i));
    const __m512 logit = avx512::widen(_mm256_maskz_loadu_epi16(mask, logits + i));
    const __m512 p = _mm512_maskz_mul_ps(mask, avx512::exp(_mm512_sub_ps(logit, shift)), factor);
    avx512::store(gradient + i, p);
  }
}

class BFloat16Chunk {
 public:
  BFloat16Chunk(const CrossEntropyChunk& chunk, const torch::Tensor& weight)
      : chunk_(chunk),
        rows_(chunk.hidden.size(0)),
        width_(chunk.hidden.size(1)),
        vocabulary_(weight.size(0)),
        hidden_(chunk.hidden.const_data_ptr<BFloat16>()),
        weight_(weight.const_data_ptr<float>()),
        targets_(chunk.targets.const_data_ptr<int64_t>()),
        gradients_(chunk.dhidden.defined() || chunk.dweight.defined()) {
    if (gradients_) logits_ = at::empty({rows_, vocabulary_}, chunk.hidden.options());
  }

  double run() {
    const auto log_sums = forward();
    double loss = 0;
    for (int64_t r = 0; r < rows_; ++r) {
      if (targets_[r] == chunk_.ignored) continue;
      loss += static_cast<double>(log_sums[static_cast<size_t>(r)]) -
              static_cast<double>(picked_[static_cast<size_t>(r)]);
    }
    if (gradients_) backward(log_sums);
    return loss;
  }

 private:
  /// Each row's log of the sum of exponentials; picked_ gets the targets' logits.
  std::vector<float> forward() {
    const int64_t count = (vocabulary_ + kPanel - 1) / kPanel, threads = at::get_num_threads();
    const auto rows = static_cast<size_t>(rows_);
    picked_.assign(rows, 0);
    std::vector<std::vector<Running>> parts(static_cast<size_t>(threads));
    auto* logits = gradients_ ? logits_.mutable_data_ptr<BFloat16>() : nullptr;
    at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
      auto* panel = panels::scratch_bfloat16(0, kPanel * width_);
      auto* tile = panels::scratch_float(1, kRows * kPanel);
      for (int64_t part = first; part < last; ++part) {
        auto& running = parts[static_cast<size_t>(part)];
        running.resize(rows);
        for (int64_t p = part * count / threads; p < (part + 1) * count / threads; ++p) {
          const int64_t column = p * kPanel, width = std::min(kPanel, vocabulary_ - column);
          panels::pack_rows(weight_ + column * width_, width_, width, width_, panel);
          for (int64_t row = 0; row < rows_; row += kRows) {
            const int64_t m = std::min(kRows, rows_ - row);
            prefetch_panel(p + 1, row / kRows, (rows_ + kRows - 1) / kRows);
            panels::multiply(m, kPanel, width_, hidden_ + row * width_, width_, panel, tile, kPanel,
                             false);
            for (int64_t r = row; r < row + m; ++r) {
              const float* values = tile + (r - row) * kPanel;
              auto* out = logits ? logits + r * vocabulary_ + column : nullptr;
              running[static_cast<size_t>(r)].add(store_logits(values, width, out));
              const int64_t target = targets_[r] - column;
              if (target >= 0 && target < width) {
                picked_[static_cast<size_t>(r)] = static_cast<float>(BFloat16(values[target]));
              }
            }
          }
        }
      }
      panels::release();
    });
    std::vector<float> log_sums(rows);
    for (size_t r = 0; r < rows; ++r) {
      Running all;
      for (const auto& part : parts) all.add(part[r]);
      log_sums[r] = all.log_sum();
    }
    return log_sums;
  }

  /// A part of the weight rows of panel p, while there is one.
  void prefetch_panel(int64_t p, int64_t part, int64_t parts) const {
    const int64_t width = std::min(kPanel, vocabulary_ - p * kPanel);
    if (width <= 0) return;
    const int64_t begin = part * width / parts, end = (part + 1) * width / parts;
    panels::prefetch(weight_ + (p * kPanel + begin) * width_, width_, end - begin, width_);
  }

  void backward(const std::vector<float>& log_sums) {
    const int64_t count = (vocabulary_ + kBlock - 1) / kBlock, threads = at::get_num_threads();
    const int64_t depth = panels::round_up(rows_, panels::kDepth);
    const int64_t hidden_panels = (width_ + kPanel - 1) / kPanel;
    const auto packed = pack_hidden(depth);
    const bool dhidden = chunk_.dhidden.defined();
    // Every thread has its own sum over its part of the vocabulary.
    const auto partial = at::zeros({dhidden ? threads : 0, rows_, width_},
                                   chunk_.hidden.options().dtype(torch::kFloat32));
    at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
      auto* gradient = panels::scratch_bfloat16(0, rows_ * kBlock);
      auto* block = panels::scratch_bfloat16(1, kBlock * depth);
      auto* panel = panels::scratch_bfloat16(2, kBlock * kPanel);
      for (int64_t part = first; part < last; ++part) {
        float* sums = dhidden ? partial.mutable_data_ptr<float>() + part * rows_ * width_ : nullptr;
        for (int64_t b = part * count / threads; b < (part + 1) * count / threads; ++b) {
          const int64_t column = b * kBlock, width = std::min(kBlock, vocabulary_ - column);
          make_gradient(column, width, log_sums, gradient);
          for (int64_t p = 0; p < hidden_panels; ++p) {
            const int64_t at = p * kPanel, columns = std::min(kPanel, width_ - at);
            if (p == 0 && chunk_.dweight.defined()) transpose(gradient, width, depth, block);
            const int64_t next =
                std::min(kPanel, width_ - at - kPanel);  // columns of the next panel
            if (sums) panels::prefetch(weight_ + column * width_ + at, width_, width, columns);
            if (chunk_.dweight.defined()) {
              float* dw = chunk_.dweight.mutable_data_ptr<float>();
              if (next > 0)
                panels::prefetch(dw + column * width_ + at + kPanel, width_, width, next);
              panels::multiply(width, columns, depth, block, depth, packed_panel(packed, p, depth),
                               dw + column * width_ + at, width_, !chunk_.fresh);
            }
            if (!sums) continue;
            panels::pack_columns(weight_ + column * width_ + at, width_, columns, width, panel);
            panels::multiply(rows_, columns, panels::round_up(width, panels::kDepth), gradient,
                             kBlock, panel, sums + at, width_, true);
          }
        }
      }
      panels::release();
    });
    if (dhidden) chunk_.dhidden.copy_(partial.sum(0));
  }

  /// (softmax - onehot) * scale of a block of the vocabulary, (R, kBlock).
  void make_gradient(int64_t column, int64_t width, const std::vector<float>& log_sums,
                     BFloat16* gradient) const {
    const auto* logits = logits_.const_data_ptr<BFloat16>();
    const auto scale = static_cast<float>(chunk_.scale);
    for (int64_t r = 0; r < rows_; ++r) {
      auto* row = gradient + r * kBlock;
      if (targets_[r] == chunk_.ignored) {
        std::fill(row, row + kBlock, BFloat16(0.0F));
        continue;
      }
      const float log_sum = log_sums[static_cast<size_t>(r)];
      softmax_row(logits + r * vocabulary_ + column, width, log_sum, scale, row);
      const int64_t target = targets_[r] - column;
      if (target < 0 || target >= width) continue;
      // From the logit again: p - 1 of a rounded p near 1 would be rounded twice.
      const float p = std::exp(picked_[static_cast<size_t>(r)] - log_sum);
      row[target] = BFloat16((p - 1) * scale);
    }
  }

  void transpose(const BFloat16* gradient, int64_t width, int64_t depth, BFloat16* block) const {
    panels::transpose_block(gradient, kBlock, rows_, width, depth, block);
  }

  torch::Tensor pack_hidden(int64_t depth) const {
    const int64_t count = (width_ + kPanel - 1) / kPanel;
    auto packed = at::empty({count, depth * kPanel}, chunk_.hidden.options());
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t at = p * kPanel;
        panels::pack_columns(hidden_ + at, width_, std::min(kPanel, width_ - at), rows_,
                             packed.mutable_data_ptr<BFloat16>() + p * depth * kPanel);
      }
    });
    return packed;
  }
  static const BFloat16* packed_panel(const torch::Tensor& packed, int64_t p, int64_t depth) {
    return packed.const_data_ptr<BFloat16>() + p * depth * kPanel;
  }

  const CrossEntropyChunk& chunk_;
  int64_t rows_, width_, vocabulary_;
  const BFloat16* hidden_;
  const float* weight_;
  const int64_t* targets_;
  bool gradients_;
  torch::Tensor logits_;  // (R,V)
  std::vector<float> picked_;
};

}  // namespace

double cross_entropy(const CrossEntropyChunk& chunk, const torch::Tensor& weight) {
  return BFloat16Chunk(chunk, weight).run();
}

}  // namespace gptkit::x86
