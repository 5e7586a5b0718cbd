#pragma once
// AdamW (arXiv:1711.05101) over named parameters, and clipping of the gradient's norm.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "tensors/tensor_source.h"

namespace gptkit {

struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.1;
  bool decay_all = false;  ///< also biases, norms (the book); else only matrices and embeddings
};

/// The part of all parameters' elements, numbered in registration order, that one of several
/// optimizers updates (ZeRO stage 1, arXiv:1910.02054: sharded_optimizer.h).
struct Shard {
  int64_t rank = 0, ranks = 1;
};

/// The elements [first, second) of each parameter that belong to the shard.
std::vector<std::pair<int64_t, int64_t>> shard_ranges(const std::vector<torch::Tensor>& parameters,
                                                      Shard shard);

class AdamW {
 public:
  /// Takes the module's parameters that require a gradient, in registration order.
  AdamW(const torch::nn::Module& module, const AdamWConfig& config, Shard shard = {});

  /// One update with the current gradients divided by `divisor`; parameters without a gradient are
  /// unchanged.
  void step(double lr, double divisor = 1);
  void zero_grad();

  const Shard& shard() const { return shard_; }

  /// The moments as `exp_avg/NAME` and `exp_avg_sq/NAME`; flat and limited to its range in a shard.
  NamedTensors state() const;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  torch::Tensor own_part(const torch::Tensor& tensor, size_t i) const;

  AdamWConfig config_;
  Shard shard_;
  std::vector<std::string> names_;
  std::vector<std::pair<int64_t, int64_t>> ranges_;
  std::vector<torch::Tensor> parameters_, exp_avg_, exp_avg_sq_;
  int64_t steps_ = 0;
};

/// The 2-norm of all gradients together. Fails naming the first parameter whose gradient is not
/// finite. One device sync.
double gradient_norm(const AdamW& optimizer);

/// The divisor for AdamW::step that limits gradients of this norm to max_norm (0: no limit), as
/// torch.nn.utils.clip_grad_norm_ does. Clipping therefore needs no extra pass over the gradients.
double clipping_divisor(double norm, double max_norm);

}  // namespace gptkit
