#include "tensors/quantized_tensor.h"

#include <ATen/ops/empty.h>

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/quantization.h"

namespace gptkit {

namespace {

std::size_t bytes_of_row(DType dtype, std::int64_t columns) {
  const auto block = block_of(dtype);
  return static_cast<std::size_t>(columns) / block.elements * block.bytes;
}

}  // namespace

QuantizedTensor::QuantizedTensor(DType dtype, std::int64_t rows, std::int64_t columns,
                                 std::span<const std::byte> bytes,
                                 std::shared_ptr<const void> owner)
    : dtype_(dtype), rows_(rows), columns_(columns), bytes_(bytes), owner_(std::move(owner)) {
  require(is_quantized(dtype), "a quantised matrix of ", name(dtype), "; expected a block format");
  const auto elements = static_cast<std::int64_t>(block_of(dtype).elements);
  require(rows >= 0 && columns >= 0 && columns % elements == 0, "a matrix of ", rows, " x ",
          columns, " elements does not consist of ", name(dtype), "'s blocks of ", elements);
  const auto needed = static_cast<std::size_t>(rows) * bytes_of_row(dtype, columns);
  require(bytes.size() == needed, bytes.size(), " bytes for a matrix of ", rows, " x ", columns,
          " elements of ", name(dtype), "; expected ", needed);
}

QuantizedTensor QuantizedTensor::slice(std::int64_t first, std::int64_t count) const {
  require(first >= 0 && count >= 0 && first <= rows_ - count, "rows ", first, " to ", first + count,
          " of a matrix with ", rows_, " rows");
  const auto row = bytes_of_row(dtype_, columns_);
  return {
      dtype_, count, columns_,
      bytes_.subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(count) * row),
      owner_};
}

void QuantizedTensor::dequantize_into(std::span<float> values) const {
  gptkit::dequantize(dtype_, bytes_, values);
}

torch::Tensor QuantizedTensor::dequantize() const {
  auto values = at::empty({rows_, columns_}, torch::kFloat32);
  dequantize_into({values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
  return values;
}

QuantizedTensor quantize(DType dtype, const torch::Tensor& matrix) {
  require(matrix.dim() == 2, "only matrices are quantised, found the shape ", matrix.sizes());
  const auto values = matrix.detach().to(torch::kFloat32).contiguous();
  const auto blocks = std::make_shared<std::vector<std::byte>>(
      static_cast<std::size_t>(matrix.size(0)) * bytes_of_row(dtype, matrix.size(1)));
  quantize(dtype, {values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel())},
           *blocks);
  return {dtype, matrix.size(0), matrix.size(1), *blocks, blocks};
}

}  // namespace gptkit
