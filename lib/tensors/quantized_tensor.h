#pragma once
// A matrix in GGML's block formats (base/quantization.h), stored as in the file: 4 to 8 bits per
// element instead of 32.

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/dtype.h"

namespace gptkit {

/// Rows of whole blocks, without gaps between rows. Copies share the bytes.
class QuantizedTensor {
 public:
  /// `owner` keeps `bytes` alive: the mapped file, or a buffer. Fails unless `dtype` is a block
  /// format, `columns` are whole blocks and `bytes` has the size of rows x columns.
  QuantizedTensor(DType dtype, std::int64_t rows, std::int64_t columns,
                  std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  DType dtype() const { return dtype_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  /// Rows [first, first + count), which share the bytes.
  QuantizedTensor slice(std::int64_t first, std::int64_t count) const;
  /// Decodes all rows into `values`, rows x columns of them.
  void dequantize_into(std::span<float> values) const;
  /// float32 (rows, columns), a copy.
  torch::Tensor dequantize() const;

 private:
  DType dtype_;
  std::int64_t rows_, columns_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

/// The blocks of a float32 matrix in q8_0 or q4_0 (base/quantization.h lists the values that are
/// refused).
QuantizedTensor quantize(DType dtype, const torch::Tensor& matrix);

}  // namespace gptkit
