#pragma once
// Where a backward written by hand puts a parameter's gradient.

#include <torch/types.h>

namespace gptkit {

/// A parameter's gradient, written straight into its .grad: autograd would make a tensor of the
/// weight's size and pass over it once more to add it. The backward then returns `result()`, which
/// is undefined, so that AccumulateGrad has nothing to add and only calls its hooks (c10d's Reducer
/// waits for them). For a weight that is not a leaf (merged LoRA, a cast) the gradient is a tensor
/// of its own and is returned.
class Gradient {
 public:
  /// Nothing is written and the result is undefined unless `needed`. `weight` may be undefined.
  Gradient(const torch::Tensor& weight, bool needed);

  explicit operator bool() const { return tensor_.defined(); }
  /// float32, contiguous, of the weight's shape.
  torch::Tensor& tensor() { return tensor_; }
  float* data() { return tensor_.mutable_data_ptr<float>(); }
  /// Whether it holds nothing yet: the first writer overwrites, later ones add. Asking ends it.
  bool take_fresh();
  /// Adds a tensor of the weight's shape, if a gradient is wanted.
  void add(const torch::Tensor& more);
  torch::Tensor result() const { return returned_ ? tensor_ : torch::Tensor(); }

 private:
  torch::Tensor tensor_;
  bool fresh_ = false, returned_ = false;
};

}  // namespace gptkit
