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

torch::Tensor rotary_frequencies(const ModelConfig& c) {
  const double D = static_cast<double>(c.head_dim());
  const auto exponents = at::arange(0, c.head_dim(), 2, torch::kFloat32) / D;
  const auto plain = 1.0 / at::pow(c.rope_theta, exponents);  // (D/2)
  if (c.rope_factor == 1) return plain;
  // Wavelengths that turn less than low_frequency times in the original context are stretched by
  // the factor, those above high_frequency stay, and between the two it grows smoothly.
  const auto turns =
      plain * (static_cast<double>(c.rope_original_context) / (2 * std::numbers::pi));
  const auto kept =
      ((turns - c.rope_low_frequency) / (c.rope_high_frequency - c.rope_low_frequency)).clamp(0, 1);
  return (1 - kept) * plain / c.rope_factor + kept * plain;
}

RotaryTable::RotaryTable(const ModelConfig& config) : frequencies_(rotary_frequencies(config)) {}

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
