#pragma once
// A linear layer for decoding: y = x W^T + b with packed weights (kernels/packed_matrix.h),
// computed by a team of threads.

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/thread_team.h"
#include "kernels/decoding.h"
#include "kernels/packed_matrix.h"

namespace gptkit {

/// A weight, or some rows of it: in floating point, or in GGML's blocks as a file has them.
using MatrixPart = std::variant<torch::Tensor, QuantizedTensor>;

/// What a layer is made of, read on use. A norm has one part of one dimension.
struct LayerTensors {
  std::vector<MatrixPart> weight;  // the rows of the layer one part after the other
  torch::Tensor bias;              // (out) or undefined
  std::string where = {};          // the file and the tensor, for messages
};

/// A vector of the layer in float32, aligned and readable up to a multiple of kLanes.
std::vector<float> floats_of(const torch::Tensor& values);

/// Activations of N rows between the layers of a step: float32, and rounded to 8 bits where the
/// next weights are quantised. Rows are padded with zeros to a stride.
class StepRows {
 public:
  /// Room for `most` rows of `width` elements.
  StepRows(int64_t most, int64_t width);

  float* x(int64_t row) { return x_.data() + row * stride_; }
  const float* x(int64_t row) const { return x_.data() + row * stride_; }
  int64_t stride() const { return stride_; }
  int64_t width() const { return width_; }

  /// Rounds rows [rows.begin, rows.end), columns [columns.begin, columns.end): multiples of 32, the
  /// last one excepted.
  void quantize(const DecodingKernels& kernels, WorkShare rows, WorkShare columns);
  void quantize(const DecodingKernels& kernels, WorkShare rows) {
    quantize(kernels, rows, {0, width_});
  }
  /// The first `count` rows as inputs.
  InputRows inputs(int64_t count) const;

 private:
  int64_t width_, stride_;
  std::vector<float> x_, scale_;
  std::vector<int8_t> q_, fine_;
  std::vector<int32_t> sum_, fine_sum_;
};

class PackedLinear {
 public:
  PackedLinear() = default;
  PackedLinear(const LayerTensors& tensors, WeightFormat format);
  /// The same with the last `tail` rows in another format, if the others fill whole panels.
  PackedLinear(const LayerTensors& tensors, WeightFormat format, int64_t tail,
               WeightFormat tail_format);

  /// This member's share of the outputs of `count` rows of x; added to y's rows if `add`.
  void multiply(const DecodingKernels& kernels, const StepRows& x, StepRows& y, int64_t count,
                bool add, int member, int members) const;

  bool quantized() const { return quantized_; }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return parts_.front().columns(); }
  int64_t bytes() const;
  /// Of the first part, for messages.
  std::string_view format() const { return parts_.front().format(); }
  /// Decodes row `index` into columns() floats.
  void row(int64_t index, float* values) const;

 private:
  void add(const MatrixPart& part, WeightFormat format, const std::string& where);

  std::vector<PackedMatrix> parts_;  // each but the last has a multiple of kLanes rows
  std::vector<float> bias_;          // empty: none
  int64_t rows_ = 0, panels_ = 0;
  bool quantized_ = false;  // one part at least
};

}  // namespace gptkit
