#include "distributed/gradient_sum.h"

#include <ATen/ops/stack.h>

#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <type_traits>
#include <unordered_map>

#include "distributed/rendezvous.h"

namespace gptkit {

struct GradientSum::Impl {
  std::unique_ptr<c10d::Reducer> reducer;
};

namespace {

/// PyTorch's sizes: a small first bucket, so that the network starts early, then large ones.
constexpr int64_t kFirstBucketBytes = 1 << 20, kBucketBytes = 25 << 20;

/// Newer versions of LibTorch have one more argument.
template <class Reducer = c10d::Reducer, class... Arguments>
std::unique_ptr<Reducer> make_reducer(Arguments&&... arguments) {
  if constexpr (std::is_constructible_v<Reducer, Arguments..., std::vector<int64_t>>) {
    return std::make_unique<Reducer>(std::forward<Arguments>(arguments)..., std::vector<int64_t>());
  } else {
    return std::make_unique<Reducer>(std::forward<Arguments>(arguments)...);
  }
}

/// The backward pass reaches the last parameters first.
std::vector<std::vector<size_t>> buckets_of(const std::vector<torch::Tensor>& parameters) {
  const std::vector<torch::Tensor> backwards(parameters.rbegin(), parameters.rend());
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(
      backwards, {static_cast<size_t>(kFirstBucketBytes), static_cast<size_t>(kBucketBytes)}));
  for (auto& bucket : buckets) {
    for (auto& index : bucket) index = parameters.size() - 1 - index;
  }
  return buckets;
}

/// A loss of 0 with a gradient of 0 for every parameter, so that a rank without data can take part.
torch::Tensor nothing(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> one_of_each;
  for (const auto& parameter : parameters) one_of_each.push_back(parameter.reshape({-1})[0]);
  return at::stack(one_of_each).mul(0).sum();
}

}  // namespace

GradientSum::GradientSum(World& world, const std::vector<torch::Tensor>& parameters,
                         const std::vector<std::string>& names)
    : world_(world), parameters_(parameters) {
  if (!world.connection_) return;
  std::unordered_map<size_t, std::string> names_by_index;
  for (size_t i = 0; i < names.size(); ++i) names_by_index[i] = names[i];
  impl_ = std::make_unique<Impl>();
  impl_->reducer = make_reducer<c10d::Reducer>(
      parameters, buckets_of(parameters), world.connection_->group,
      std::vector<bool>(parameters.size(), false), kBucketBytes, /*find_unused_parameters=*/false,
      /*gradient_as_bucket_view=*/false, names_by_index, kFirstBucketBytes,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false);
}

GradientSum::~GradientSum() {
  // Its destructor waits for running exchanges and may throw.
  if (impl_ && world_.is_broken()) (void)impl_->reducer.release();
}

// The reducer averages .grad over the ranks when the hook of a parameter runs, so every loss is
// first multiplied by the number of ranks.

void GradientSum::accumulate(const torch::Tensor& loss) {
  (impl_ ? loss * static_cast<double>(world_.size()) : loss).backward();
}

void GradientSum::accumulate_and_sum(const torch::Tensor& loss) {
  if (!impl_) {
    if (loss.defined()) loss.backward();
    return;
  }
  world_.guarded([&] {
    impl_->reducer->rebuild_buckets();  // once, in the order of the gradients
    impl_->reducer->prepare_for_backward({});
    if (loss.defined()) {
      accumulate(loss);
    } else {
      nothing(parameters_).backward();
    }
  });
}

}  // namespace gptkit
