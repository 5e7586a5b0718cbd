#include "train/sharded_optimizer.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

namespace gptkit {

namespace {

/// The elements of every parameter that a rank updates, as flat views.
std::vector<torch::Tensor> parts_of(const AdamW& optimizer, int64_t rank) {
  const auto& parameters = optimizer.parameters();
  const auto ranges = shard_ranges(parameters, {rank, optimizer.shard().ranks});
  std::vector<torch::Tensor> parts;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto [begin, end] = ranges[i];
    if (begin < end) parts.push_back(parameters[i].detach().view({-1}).slice(0, begin, end));
  }
  return parts;
}

/// state() lists two moments per parameter, in the order of the parameters.
const torch::Tensor& parameter_of(const AdamW& optimizer, size_t moment) {
  return optimizer.parameters()[moment / 2];
}

torch::Tensor slice_of(const torch::Tensor& whole, std::pair<int64_t, int64_t> range) {
  return whole.view({-1}).slice(0, range.first, range.second);
}

}  // namespace

void share_weights_(World& world, const AdamW& optimizer) {
  if (optimizer.shard().ranks == 1) return;
  torch::NoGradGuard no_grad;
  for (int64_t rank = 0; rank < world.size(); ++rank) {
    const auto parts = parts_of(optimizer, rank);
    if (parts.empty()) continue;
    auto buffer = at::cat(parts);
    world.broadcast_(buffer, rank);
    if (rank == world.rank()) continue;
    int64_t at = 0;
    for (auto part : parts) {
      part.copy_(buffer.slice(0, at, at + part.numel()));
      at += part.numel();
    }
  }
}

NamedTensors gather_moments(World& world, const AdamW& optimizer) {
  const auto own = optimizer.state();
  if (optimizer.shard().ranks == 1) return world.is_main() ? own : NamedTensors();
  torch::NoGradGuard no_grad;
  const auto ranges = shard_ranges(optimizer.parameters(), optimizer.shard());
  NamedTensors all;
  for (size_t i = 0; i < own.size(); ++i) {
    auto whole = at::zeros_like(parameter_of(optimizer, i));
    slice_of(whole, ranges[i / 2]).copy_(own[i].second);
    world.sum_(whole);  // zeros but for the part of each rank
    if (world.is_main()) all.emplace_back(own[i].first, whole);
  }
  return all;
}

NamedTensors room_for_moments(const World& world, const AdamW& optimizer) {
  auto moments = optimizer.state();
  if (!world.is_main()) return {};
  if (optimizer.shard().ranks == 1) return moments;
  for (size_t i = 0; i < moments.size(); ++i) {
    moments[i].second = at::empty_like(parameter_of(optimizer, i).detach());
  }
  return moments;
}

void scatter_moments_(World& world, const NamedTensors& moments, AdamW& optimizer) {
  torch::NoGradGuard no_grad;
  const auto ranges = shard_ranges(optimizer.parameters(), optimizer.shard());
  const auto own = optimizer.state();
  for (size_t i = 0; i < own.size(); ++i) {
    auto target = own[i].second;
    if (optimizer.shard().ranks == 1) {
      world.broadcast_(target);  // rank 0 has read into it
      continue;
    }
    auto whole =
        world.is_main() ? moments[i].second : at::empty_like(parameter_of(optimizer, i).detach());
    world.broadcast_(whole);
    target.copy_(slice_of(whole, ranges[i / 2]));
  }
}

}  // namespace gptkit
