#include "train/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "tensors/finite.h"

namespace gptkit {

std::vector<std::pair<int64_t, int64_t>> shard_ranges(const std::vector<torch::Tensor>& parameters,
                                                      Shard shard) {
  int64_t total = 0, begin = 0;
  for (const auto& parameter : parameters) total += parameter.numel();
  const auto cut = [&](int64_t rank) {  // at multiples of 64 bytes
    return rank == shard.ranks ? total : total / shard.ranks * rank / 16 * 16;
  };
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const auto& parameter : parameters) {
    const int64_t size = parameter.numel();
    ranges.emplace_back(std::clamp<int64_t>(cut(shard.rank) - begin, 0, size),
                        std::clamp<int64_t>(cut(shard.rank + 1) - begin, 0, size));
    begin += size;
  }
  return ranges;
}

AdamW::AdamW(const torch::nn::Module& module, const AdamWConfig& config, Shard shard)
    : config_(config), shard_(shard) {
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names_.push_back(item.key());
    parameters_.push_back(item.value());
  }
  require(!parameters_.empty(), "nothing to train: every parameter is frozen");
  ranges_ = shard_ranges(parameters_, shard);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    exp_avg_.push_back(torch::zeros_like(own_part(parameters_[i].detach(), i)));
    exp_avg_sq_.push_back(torch::zeros_like(exp_avg_.back()));
  }
}

torch::Tensor AdamW::own_part(const torch::Tensor& tensor, size_t i) const {
  const auto [begin, end] = ranges_[i];
  return shard_.ranks == 1 ? tensor : tensor.view({-1}).slice(0, begin, end);
}

void AdamW::step(double lr, double divisor) {
  torch::NoGradGuard no_grad;
  ++steps_;
  const auto options = parameters_.front().options().requires_grad(false);
  std::optional<torch::Tensor> scale;
  if (divisor != 1) scale = torch::full({}, divisor, options);
  // On the device of the parameters, where CUDA's kernel reads it.
  const auto step = torch::full({}, static_cast<double>(steps_), options.dtype(torch::kFloat32));
  // Two groups, updated by LibTorch's fused kernel: one pass over each parameter's memory.
  for (const bool decayed : {true, false}) {
    std::vector<torch::Tensor> parameters, gradients, averages, squares, steps;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const bool decay = config_.decay_all || parameters_[i].dim() >= 2;
      if (decay != decayed || !parameters_[i].grad().defined()) continue;
      if (ranges_[i].first == ranges_[i].second) continue;  // another rank's
      parameters.push_back(own_part(parameters_[i], i));
      gradients.push_back(own_part(parameters_[i].grad(), i));
      averages.push_back(exp_avg_[i]);
      squares.push_back(exp_avg_sq_[i]);
      steps.push_back(step);
    }
    if (parameters.empty()) continue;
    at::_fused_adamw_(parameters, gradients, averages, squares, /*max_exp_avg_sqs=*/{}, steps, lr,
                      config_.beta1, config_.beta2, decayed ? config_.weight_decay : 0.0,
                      config_.epsilon, /*amsgrad=*/false, /*maximize=*/false, scale);
  }
}

void AdamW::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

NamedTensors AdamW::state() const {
  NamedTensors tensors;
  for (size_t i = 0; i < names_.size(); ++i) {
    tensors.emplace_back("exp_avg/" + names_[i], exp_avg_[i]);
    tensors.emplace_back("exp_avg_sq/" + names_[i], exp_avg_sq_[i]);
  }
  return tensors;
}

namespace {

/// Sums in chunks of a fixed size, so that the result does not depend on the number of threads.
double sum_of_squares(const torch::Tensor& gradient) {
  if (!gradient.is_contiguous() || gradient.scalar_type() != torch::kFloat32) {
    const double norm =
        at::linalg_vector_norm(gradient.detach().to(torch::kFloat32)).item<double>();
    return norm * norm;
  }
  constexpr int64_t kChunk = 1 << 14, kLanes = 16;
  const int64_t count = gradient.numel(), chunks = (count + kChunk - 1) / kChunk;
  std::vector<double> sums(static_cast<size_t>(chunks));
  const float* values = gradient.const_data_ptr<float>();
  at::parallel_for(0, chunks, 8, [&](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk) {
      const int64_t begin = chunk * kChunk, end = std::min(count, begin + kChunk);
      std::array<float, kLanes> lanes{};  // independent sums, so that the compiler vectorises
      int64_t i = begin;
      for (; i + kLanes <= end; i += kLanes) {
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          lanes[static_cast<size_t>(lane)] += values[i + lane] * values[i + lane];
        }
      }
      for (; i < end; ++i) lanes[0] += values[i] * values[i];
      sums[static_cast<size_t>(chunk)] = std::accumulate(lanes.begin(), lanes.end(), 0.0);
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// Waits for the device once, not for each gradient.
double sum_of_squares_on_device(const std::vector<torch::Tensor>& gradients) {
  const auto norms = at::stack(at::_foreach_norm(gradients, /*ord=*/2, torch::kFloat32));
  return norms.to(torch::kFloat64).square().sum().item<double>();
}

}  // namespace

double gradient_norm(const AdamW& optimizer) {
  torch::NoGradGuard no_grad;
  double total = 0;
  std::vector<torch::Tensor> on_device;
  for (const auto& parameter : optimizer.parameters()) {
    const auto& gradient = parameter.grad();
    if (!gradient.defined()) continue;
    if (gradient.is_cpu()) {
      total += sum_of_squares(gradient);
    } else {
      on_device.push_back(gradient);
    }
  }
  if (!on_device.empty()) total += sum_of_squares_on_device(on_device);
  if (std::isfinite(total)) return std::sqrt(total);
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const auto& gradient = optimizer.parameters()[i].grad();
    if (all_finite(gradient)) continue;
    fail_runtime(
        "the gradient of '", optimizer.names()[i],
        "' is not finite; lower the learning rate, warm up longer or lower train.max_grad_norm");
  }
  fail_runtime("the gradient's norm is not finite; lower train.lr or train.max_grad_norm");
}

double clipping_divisor(double norm, double max_norm) {
  if (max_norm <= 0) return 1;
  return std::max(1.0, (norm + 1e-6) / max_norm);
}

}  // namespace gptkit
