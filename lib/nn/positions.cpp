#include "nn/positions.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numbers>

namespace gptkit {

torch::Tensor rotate(const torch::Tensor& x, const Rotation& rotation) {
  const auto halves = x.chunk(2, -1);  // (...,T,D/2) each
  const auto &a = halves[0], &b = halves[1], &cos = rotation.cos, &sin = rotation.sin;
  return at::cat({a * cos - b * sin, b * cos + a * sin}, -1);
}

torch::Tensor rotary_frequencies(const RotaryOptions& o) {
  const double D = static_cast<double>(o.d_head);
  const auto exponents = at::arange(0, o.d_head, 2, torch::kFloat32) / D;
  const auto plain = 1.0 / at::pow(o.theta, exponents);  // (D/2)
  if (o.factor == 1) return plain;
  // Wavelengths that turn less than low_frequency times in the original context are stretched by
  // the factor, those above high_frequency stay, and between the two it grows smoothly.
  const auto turns = plain * (static_cast<double>(o.original_context) / (2 * std::numbers::pi));
  const auto kept = ((turns - o.low_frequency) / (o.high_frequency - o.low_frequency)).clamp(0, 1);
  return (1 - kept) * plain / o.factor + kept * plain;
}

torch::Tensor sinusoidal_positions(const torch::Tensor& positions, int64_t width) {
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
    const c10::InferenceMode off(false);  // training goes on with the table that a sample made
    constexpr int64_t kStep = 256;
    const int64_t known = table_.cos.defined() ? table_.cos.size(0) : 0;
    // In whole steps, or a cosine near the table's end would be rounded by how long it is.
    const int64_t positions = (std::max(past + T, 2 * known) + kStep - 1) / kStep * kStep;
    const auto angles = at::outer(at::arange(positions, torch::kFloat32), frequencies_);
    table_ = {angles.cos().to(like.options()), angles.sin().to(like.options())};
  }
  return {table_.cos.slice(0, past, past + T), table_.sin.slice(0, past, past + T)};
}

}  // namespace gptkit
