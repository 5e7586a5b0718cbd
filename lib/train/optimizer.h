#pragma once
// AdamW (arXiv:1711.05101) over named parameters, and clipping of the gradient's norm.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace gptkit {

struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.1;
  bool decay_all = false;  ///< also biases, norms (the book); else only matrices and embeddings
};

class AdamW {
 public:
  /// Takes the module's parameters that require a gradient, in registration order.
  AdamW(const torch::nn::Module& module, const AdamWConfig& config);

  /// One update with the gradients at hand; parameters without a gradient stay.
  void step(double lr);
  void zero_grad();

  /// The moments as `exp_avg/NAME` and `exp_avg_sq/NAME`.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  AdamWConfig config_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, exp_avg_, exp_avg_sq_;
  int64_t steps_ = 0;
};

/// The 2-norm of all gradients together; with max_norm > 0 they are scaled down to it as
/// torch.nn.utils.clip_grad_norm_ does. Fails naming the first parameter whose gradient is not
/// finite. One device sync.
double clip_gradients_(const AdamW& optimizer, double max_norm);

}  // namespace gptkit
