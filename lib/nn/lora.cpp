#include "nn/lora.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/dropout.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "kernels/matmul.h"

namespace gptkit {

LoraImpl::LoraImpl(int64_t out, std::vector<LoraPart> parts, double dropout)
    : out_(out), dropout_(dropout), parts_(std::move(parts)) {
  int64_t end = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto& part = parts_[i];
    require(part.begin >= end && part.begin + part.count <= out_ && part.b.size(0) == part.count &&
                part.b.size(1) == part.a.size(0),
            "an adapter of shapes ", part.a.sizes(), " and ", part.b.sizes(), " at row ",
            part.begin, " does not fit a layer with ", out_, " outputs");
    end = part.begin + part.count;
    part.a = register_parameter(concat("a", i), part.a);
    part.b = register_parameter(concat("b", i), part.b);
  }
}

torch::Tensor LoraImpl::forward_rows(const torch::Tensor& x, int64_t begin, int64_t count) {
  auto input = at::dropout(x, dropout_, is_training());
  if (autocast_to_bfloat16()) input = input.to(torch::kBFloat16);  // once for all parts
  std::vector<torch::Tensor> rows;
  int64_t end = begin;  // of the rows that are there
  const auto fill_up_to = [&](int64_t row) {
    if (row == end) return;
    auto shape = x.sizes().vec();
    shape.back() = row - end;
    rows.push_back(x.new_zeros(shape));
  };
  for (const auto& part : parts_) {
    const int64_t first = std::max(part.begin, begin);
    const int64_t last = std::min(part.begin + part.count, begin + count);
    if (first >= last) continue;
    fill_up_to(first);
    // The small matrix is scaled instead of the output.
    const auto b = part.b.narrow(0, first - part.begin, last - first) * part.scale;
    rows.push_back(
        autocast_linear(autocast_linear(input, part.a, {}), b, {}));  // (...,last - first)
    end = last;
  }
  fill_up_to(begin + count);
  return rows.size() == 1 ? rows.front() : torch::cat(rows, -1);
}

std::pair<torch::Tensor, torch::Tensor> LoraImpl::whole() const {
  int64_t rank = 0;
  for (const auto& part : parts_) rank += part.a.size(0);
  const int64_t P = (rank + kMatmulStep - 1) / kMatmulStep * kMatmulStep;
  std::vector<torch::Tensor> a, b;
  int64_t column = 0, row = 0;
  const auto zeros = [&](int64_t rows, int64_t columns) {
    return parts_.front().a.new_zeros({rows, columns});
  };
  for (const auto& part : parts_) {
    const int64_t R = part.a.size(0);
    a.push_back(part.a);
    if (part.begin > row) b.push_back(zeros(part.begin - row, P));
    b.push_back(at::constant_pad_nd(part.b * part.scale, {column, P - column - R}));
    column += R;
    row = part.begin + part.count;
  }
  if (P > rank) a.push_back(zeros(P - rank, a.front().size(1)));
  if (out_ > row) b.push_back(zeros(out_ - row, P));
  return {at::cat(a), at::cat(b)};
}

torch::Tensor LoraImpl::delta() const {
  auto sum = torch::zeros({out_, parts_.front().a.size(1)}, parts_.front().a.options());
  for (const auto& part : parts_) {
    sum.narrow(0, part.begin, part.count).add_(part.b.detach().matmul(part.a.detach()), part.scale);
  }
  return sum;
}

LoraPart fresh_lora_part(int64_t begin, int64_t count, const torch::Tensor& weight,
                         const LoraConfig& config) {
  const int64_t in = weight.size(1);
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  const auto options = weight.options().requires_grad(false);
  return {begin, count, torch::empty({config.rank, in}, options).uniform_(-bound, bound),
          torch::zeros({count, config.rank}, options),
          config.alpha / static_cast<double>(config.rank)};
}

}  // namespace gptkit
