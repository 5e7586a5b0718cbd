#include "nn/packing.h"

#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "base/error.h"

namespace gptkit {

Packing::Packing(const std::vector<int64_t>& lengths, torch::Device device) : offsets_{0} {
  for (const auto length : lengths) {
    require(length >= 1, "a sequence of ", length, " tokens; expected at least 1");
    offsets_.push_back(offsets_.back() + length);
    longest_ = std::max(longest_, length);
  }
  std::vector<int64_t> positions, padded;
  for (int64_t b = 0; b < sequences(); ++b) {
    const auto length = lengths[static_cast<size_t>(b)];
    even_ = even_ && length == longest_;
    for (int64_t t = 0; t < length; ++t) {
      positions.push_back(t);
      padded.push_back(b * longest_ + t);
    }
  }
  const auto on_device = [&](const std::vector<int64_t>& numbers) {
    return at::tensor(numbers, torch::kInt64).to(device);
  };
  begin_ = on_device(offsets_);
  positions_ = on_device(positions);
  if (!even_) padded_ = on_device(padded);
}

torch::Tensor Packing::pad(const torch::Tensor& rows) const {
  auto shape = rows.sizes().vec();
  shape.front() = longest_;
  shape.insert(shape.begin(), sequences());
  if (even_) return rows.reshape(shape);
  auto flat = rows.sizes().vec();
  flat.front() = sequences() * longest_;
  return rows.new_zeros(flat).index_copy_(0, padded_, rows).view(shape);
}

torch::Tensor Packing::unpad(const torch::Tensor& padded) const {
  const auto flat = padded.slice(1, 0, longest_).flatten(0, 1);
  return even_ ? flat : flat.index_select(0, padded_);
}

std::optional<torch::Tensor> Packing::mask() const {
  if (even_) return std::nullopt;
  return pad(at::ones_like(positions_, torch::kBool)).view({sequences(), 1, 1, longest_});
}

}  // namespace gptkit
