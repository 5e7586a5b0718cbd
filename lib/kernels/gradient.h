#pragma once
// Where a hand-written backward pass puts a parameter's gradient.

#include <torch/types.h>

namespace gptkit {

/// A parameter's gradient, written directly into its .grad: autograd would allocate a tensor of the
/// weight's size and add it in one more pass. The backward pass then returns `result()`, which is
/// undefined: AccumulateGrad has nothing to add and only calls its hooks (c10d's Reducer waits for
/// them). For a weight that is not a leaf (merged LoRA, a cast) the gradient is a separate tensor
/// and is returned.
class Gradient {
 public:
  /// Nothing is written and the result is undefined unless `needed`. `weight` may be undefined.
  Gradient(const torch::Tensor& weight, bool needed);

  explicit operator bool() const { return tensor_.defined(); }
  /// float32, contiguous, of the weight's shape.
  torch::Tensor& tensor() { return tensor_; }
  float* data() { return tensor_.mutable_data_ptr<float>(); }
  /// Whether it has no values yet: the first writer overwrites, later writers add. The first call
  /// ends this state.
  bool take_fresh();
  /// Adds a tensor of the weight's shape, if a gradient is wanted.
  void add(const torch::Tensor& more);
  torch::Tensor result() const { return returned_ ? tensor_ : torch::Tensor(); }

 private:
  torch::Tensor tensor_;
  bool fresh_ = false, returned_ = false;
};

}  // namespace gptkit
