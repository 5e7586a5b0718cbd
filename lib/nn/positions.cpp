#include "nn/positions.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numbers>

#include "base/error.h"

namespace gptkit {

torch::Tensor rotate(const torch::Tensor& x, const Rotation& rotation) {
  const auto halves = x.chunk(2, -1);  // (...,T,D/2) each
  const auto &a = halves[0], &b = halves[1], &cos = rotation.cos, &sin = rotation.sin;
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1);
}

torch::Tensor rotary_frequencies(const RotaryOptions& o) {
  require(o.d_head % 2 == 0, "rotary positions of heads of ", o.d_head,
          "; expected an even size, as they turn pairs");
  const double D = static_cast<double>(o.d_head);
  const auto exponents = at::arange(0, o.d_head, 2, torch::kFloat32) / D;
  auto plain = 1.0 / at::pow(o.theta, exponents);  // (D/2)
  if (o.factor == 1) return plain;
  // A wavelength with fewer than low_frequency turns in the original context is stretched by the
  // factor, one with more than high_frequency turns stays, and between the two it grows smoothly.
  const auto turns = plain * (static_cast<double>(o.original_context) / (2 * std::numbers::pi));
  const auto kept = ((turns - o.low_frequency) / (o.high_frequency - o.low_frequency)).clamp(0, 1);
  return (1 - kept) * plain / o.factor + kept * plain;
}

torch::Tensor sinusoidal_positions(const torch::Tensor& positions, int64_t width) {
  require(width % 2 == 0, "sinusoidal positions of width ", width,
          "; expected an even one, as sines and cosines take half each");
  const auto options = positions.options().dtype(torch::kFloat32);
  const auto exponents = at::arange(0, width, 2, options) / static_cast<double>(width);
  const auto angles = at::outer(positions.to(torch::kFloat32), at::pow(10000.0, -exponents));
  return at::cat({angles.sin(), angles.cos()}, -1);
}

RotaryTable::RotaryTable(const RotaryOptions& options)
    : frequencies_(rotary_frequencies(options)) {}

Rotation RotaryTable::at(int64_t past, int64_t T, const torch::Tensor& like) {
  const bool fits = table_.cos.defined() && table_.cos.size(0) >= past + T &&
                    table_.cos.device() == like.device() && table_.cos.dtype() == like.dtype();
  if (!fits) {
    const c10::InferenceMode off(false);  // training also uses a table that sampling made
    constexpr int64_t kStep = 256;
    const int64_t known = table_.cos.defined() ? table_.cos.size(0) : 0;
    // In whole steps: otherwise the rounding of the last cosines would depend on the table's
    // length.
    const int64_t positions = (std::max(past + T, 2 * known) + kStep - 1) / kStep * kStep;
    const auto angles = at::outer(at::arange(positions, torch::kFloat32), frequencies_);
    table_ = {angles.cos().to(like.options()), angles.sin().to(like.options())};
  }
  return {table_.cos.slice(0, past, past + T), table_.sin.slice(0, past, past + T)};
}

}  // namespace gptkit
