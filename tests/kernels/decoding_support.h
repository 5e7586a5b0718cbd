#pragma once
// Matrices of every kind of panel and inputs for them, as decoding has them.

#include <torch/types.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/decoding.h"
#include "kernels/dispatch.h"
#include "kernels/packed_matrix.h"
#include "tensors/quantized_tensor.h"

namespace gptkit::test {

/// Every format that has blocks.
inline constexpr DType kBlockFormats[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                                          DType::kQ8_0, DType::kQ4_K, DType::kQ6_K};

/// Random bits with scales near 1/64: the top byte of each float16 of a block is set.
inline QuantizedTensor random_blocks(DType dtype, int64_t rows, int64_t columns) {
  const auto block = block_of(dtype);
  const bool scale_last = dtype == DType::kQ6_K;
  const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ5_1 || dtype == DType::kQ4_K;
  const auto count = static_cast<size_t>(rows * columns) / block.elements * block.bytes;
  const auto bits = torch::randint(256, {static_cast<int64_t>(count)}, torch::kUInt8);
  const auto bytes = std::make_shared<std::vector<std::byte>>(count);
  std::memcpy(bytes->data(), bits.const_data_ptr<uint8_t>(), count);
  for (size_t at = 0; at < count; at += block.bytes) {
    const std::byte high{0x24};
    (*bytes)[scale_last ? at + block.bytes - 1 : at + 1] = high;
    if (two) (*bytes)[at + 3] = high;
  }
  return {dtype, rows, columns, *bytes, bytes};
}

/// One matrix of each kind of panel, group and minima; columns are odd where the format allows it.
inline std::vector<std::pair<std::string, PackedMatrix>> packed_matrices(int64_t rows) {
  std::vector<std::pair<std::string, PackedMatrix>> all;
  const auto dense = torch::randn({rows, 37});
  const auto groups = torch::randn({rows, 192});
  all.emplace_back("float32", PackedMatrix::from(dense, WeightFormat::kFloat32));
  all.emplace_back("bfloat16", PackedMatrix::from(dense, WeightFormat::kBFloat16));
  all.emplace_back("float16", PackedMatrix::from(dense.to(torch::kFloat16), WeightFormat::kStored));
  all.emplace_back("int8", PackedMatrix::from(groups, WeightFormat::kInt8));
  all.emplace_back("int4", PackedMatrix::from(groups, WeightFormat::kInt4));
  for (const auto dtype : kBlockFormats) {
    const auto columns = block_of(dtype).elements == 32 ? 96 : 256;
    all.emplace_back(name(dtype), PackedMatrix::from(random_blocks(dtype, rows, columns)));
  }
  return all;
}

/// The decoded weights, float64 (rows, columns).
inline torch::Tensor decoded(const PackedMatrix& matrix) {
  const auto values = torch::empty({matrix.rows(), matrix.columns()});
  for (int64_t i = 0; i < matrix.rows(); ++i) {
    matrix.row(i, values.data_ptr<float>() + i * matrix.columns());
  }
  return values.to(torch::kFloat64);
}

/// Rows of inputs, rounded to 8 bits as well.
class Inputs {
 public:
  explicit Inputs(const torch::Tensor& values)
      : count_(values.size(0)), columns_(values.size(1)), stride_((columns_ + 63) / 64 * 64) {
    x_ = torch::zeros({count_, stride_});
    x_.slice(1, 0, columns_).copy_(values);
    q_.resize(static_cast<size_t>(count_ * stride_));
    scale_.resize(q_.size() / 32);
    sum_.resize(q_.size() / 16);
    fine_.resize(q_.size());
    fine_sum_.resize(q_.size() / 16);
    kernels().decoding->quantize({x_.const_data_ptr<float>(), count_, stride_, stride_, q_.data(),
                                  scale_.data(), sum_.data(), fine_.data(), fine_sum_.data()});
  }

  /// Rows [first, first + count).
  InputRows rows(int64_t first, int64_t count) const {
    const auto at = static_cast<size_t>(first * stride_);
    return {count,
            x_.const_data_ptr<float>() + at,
            stride_,
            &q_[at],
            &scale_[at / 32],
            &sum_[at / 16],
            &fine_[at],
            &fine_sum_[at / 16]};
  }
  /// What a matrix multiplies with, float64 (count, columns).
  torch::Tensor values(const Panels& w) const {
    const bool fine = w.kind == PanelKind::kBytes && w.group == 64;
    return values(w.is_quantized(), fine);
  }
  torch::Tensor values(bool rounded, bool fine = false) const {
    const auto x = x_.slice(1, 0, columns_).to(torch::kFloat64);
    if (!rounded) return x;
    const auto result = torch::empty_like(x);
    for (int64_t n = 0; n < count_; ++n) {
      for (int64_t k = 0; k < columns_; ++k) {
        const auto at = static_cast<size_t>(n * stride_ + k);
        result[n][k] = double{scale_[at / 32]} * (q_[at] + (fine ? fine_[at] / 254.0 : 0.0));
      }
    }
    return result;
  }

 private:
  int64_t count_, columns_, stride_;
  torch::Tensor x_;
  std::vector<int8_t> q_, fine_;
  std::vector<float> scale_;
  std::vector<int32_t> sum_, fine_sum_;
};

}  // namespace gptkit::test
