#include "nn/packed_linear.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace gptkit {

namespace {

int64_t rounded_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

int64_t rows_of(const MatrixPart& part) {
  const auto* blocks = std::get_if<QuantizedTensor>(&part);
  return blocks ? blocks->rows() : std::get<torch::Tensor>(part).size(0);
}

MatrixPart slice(const MatrixPart& part, int64_t first, int64_t count) {
  const auto* blocks = std::get_if<QuantizedTensor>(&part);
  if (blocks) return blocks->slice(first, count);
  return std::get<torch::Tensor>(part).narrow(0, first, count);
}

torch::Tensor dense(const MatrixPart& part) {
  const auto* blocks = std::get_if<QuantizedTensor>(&part);
  return blocks ? blocks->dequantize() : std::get<torch::Tensor>(part).to(torch::kFloat32);
}

/// Parts whose panels would overlap in the output become one matrix.
std::vector<MatrixPart> fitting(const std::vector<MatrixPart>& parts) {
  if (parts.empty()) return parts;
  const bool fits = std::all_of(parts.begin(), parts.end() - 1,
                                [](const auto& part) { return rows_of(part) % kLanes == 0; });
  if (fits) return parts;
  std::vector<torch::Tensor> all;
  for (const auto& part : parts) all.push_back(dense(part));
  return {at::cat(all)};
}

PackedMatrix packed(const MatrixPart& part, WeightFormat format, const std::string& where) {
  const auto* blocks = std::get_if<QuantizedTensor>(&part);
  if (!blocks) return PackedMatrix::from(std::get<torch::Tensor>(part), format, where);
  if (format == WeightFormat::kStored) return PackedMatrix::from(*blocks, where);
  return PackedMatrix::from(blocks->dequantize(), format, where);
}

}  // namespace

std::vector<float> floats_of(const torch::Tensor& values) {
  if (!values.defined()) return {};
  const auto flat = values.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* data = flat.const_data_ptr<float>();
  std::vector<float> floats(data, data + flat.numel());
  floats.resize(static_cast<size_t>(rounded_up(flat.numel(), kLanes)));
  return floats;
}

StepRows::StepRows(int64_t most, int64_t width)
    : width_(width), stride_(rounded_up(width, 2 * kStepColumns)) {
  const auto elements = static_cast<size_t>(most * stride_);
  x_.resize(elements);
  q_.resize(elements);
  fine_.resize(elements);
  scale_.resize(elements / 32);
  sum_.resize(elements / 16);
  fine_sum_.resize(elements / 16);
}

void StepRows::quantize(const DecodingKernels& kernels, WorkShare rows, WorkShare columns) {
  if (rows.begin >= rows.end || columns.begin >= columns.end) return;
  const auto end = rounded_up(columns.end, kStepColumns);
  const auto at = static_cast<size_t>(rows.begin * stride_ + columns.begin);
  kernels.quantize({&x_[at], rows.end - rows.begin, end - columns.begin, stride_, &q_[at],
                    &scale_[at / 32], &sum_[at / 16], &fine_[at], &fine_sum_[at / 16]});
}

InputRows StepRows::inputs(int64_t count) const {
  return {count,         x_.data(),   stride_,      q_.data(),
          scale_.data(), sum_.data(), fine_.data(), fine_sum_.data()};
}

PackedLinear::PackedLinear(const LayerTensors& tensors, WeightFormat format)
    : bias_(floats_of(tensors.bias)) {
  for (const auto& part : fitting(tensors.weight)) add(part, format, tensors.where);
}

PackedLinear::PackedLinear(const LayerTensors& tensors, WeightFormat format, int64_t tail,
                           WeightFormat tail_format)
    : bias_(floats_of(tensors.bias)) {
  int64_t left = 0;  // rows from the part on
  for (const auto& part : tensors.weight) left += rows_of(part);
  if ((left - tail) % kLanes != 0) tail = 0;  // panels of two formats would overlap in the output
  std::vector<MatrixPart> head, end;
  for (const auto& part : tensors.weight) {
    const int64_t rows = rows_of(part), last = std::clamp(tail - (left - rows), int64_t{0}, rows);
    if (last < rows) head.push_back(slice(part, 0, rows - last));
    if (last > 0) end.push_back(slice(part, rows - last, last));
    left -= rows;
  }
  for (const auto& part : fitting(head)) add(part, format, tensors.where);
  for (const auto& part : fitting(end)) add(part, tail_format, tensors.where);
}

void PackedLinear::add(const MatrixPart& part, WeightFormat format, const std::string& where) {
  parts_.push_back(packed(part, format, where));
  const auto& panels = parts_.back().panels();
  rows_ += panels.rows;
  panels_ += panels.count();
  quantized_ = quantized_ || panels.is_quantized();
}

void PackedLinear::multiply(const DecodingKernels& kernels, const StepRows& x, StepRows& y,
                            int64_t count, bool add, int member, int members) const {
  const auto share = share_of(panels_, member, members);
  const auto in = x.inputs(count);
  int64_t begin = 0, row = 0;  // of the part
  for (const auto& part : parts_) {
    const int64_t panels = part.panels().count();
    const int64_t first = std::max<int64_t>(share.begin - begin, 0);
    const int64_t last = std::min(share.end - begin, panels);
    if (first < last) {
      const float* bias = bias_.empty() ? nullptr : bias_.data() + row;
      kernels.matmul(part.panels(), in, {y.x(0) + row, y.stride(), bias, add}, first, last);
    }
    begin += panels;
    row += part.rows();
  }
}

int64_t PackedLinear::bytes() const {
  int64_t sum = 0;
  for (const auto& part : parts_) sum += part.bytes();
  return sum;
}

void PackedLinear::row(int64_t index, float* values) const {
  for (const auto& part : parts_) {
    if (index < part.rows()) return part.row(index, values);
    index -= part.rows();
  }
}

}  // namespace gptkit
