#include "train/optimizer.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <cmath>

#include "base/error.h"

namespace gptkit {

AdamW::AdamW(const torch::nn::Module& module, const AdamWConfig& config) : config_(config) {
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    names_.push_back(item.key());
    parameters_.push_back(item.value());
    exp_avg_.push_back(torch::zeros_like(item.value()));
    exp_avg_sq_.push_back(torch::zeros_like(item.value()));
  }
  require(!parameters_.empty(), "nothing to train: every parameter is frozen");
}

void AdamW::step(double lr) {
  torch::NoGradGuard no_grad;
  ++steps_;
  // Two groups, updated by LibTorch's fused kernel: one pass over each parameter's memory.
  for (const bool decayed : {true, false}) {
    std::vector<torch::Tensor> parameters, gradients, averages, squares, steps;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const bool decay = config_.decay_all || parameters_[i].dim() >= 2;
      if (decay != decayed || !parameters_[i].grad().defined()) continue;
      parameters.push_back(parameters_[i]);
      gradients.push_back(parameters_[i].grad());
      averages.push_back(exp_avg_[i]);
      squares.push_back(exp_avg_sq_[i]);
      steps.push_back(torch::full({}, static_cast<double>(steps_), torch::kFloat32));
    }
    if (parameters.empty()) continue;
    at::_fused_adamw_(parameters, gradients, averages, squares, /*max_exp_avg_sqs=*/{}, steps, lr,
                      config_.beta1, config_.beta2, decayed ? config_.weight_decay : 0.0,
                      config_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

void AdamW::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

std::vector<std::pair<std::string, torch::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (size_t i = 0; i < names_.size(); ++i) {
    tensors.emplace_back("exp_avg/" + names_[i], exp_avg_[i]);
    tensors.emplace_back("exp_avg_sq/" + names_[i], exp_avg_sq_[i]);
  }
  return tensors;
}

double clip_gradients_(const AdamW& optimizer, double max_norm) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> norms;
  for (const auto& parameter : optimizer.parameters()) {
    if (parameter.grad().defined()) norms.push_back(at::linalg_vector_norm(parameter.grad()));
  }
  if (norms.empty()) return 0;
  const double total = at::linalg_vector_norm(at::stack(norms)).item<double>();
  if (!std::isfinite(total)) {
    for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
      const auto& gradient = optimizer.parameters()[i].grad();
      if (!gradient.defined() || at::isfinite(gradient).all().item<bool>()) continue;
      fail_runtime("the gradient of '", optimizer.names()[i],
                   "' is not finite; lower the learning rate, warm up longer or clip");
    }
    fail_runtime("the gradient's norm is not finite; lower the learning rate or clip");
  }
  if (max_norm > 0) {
    const double scale = max_norm / (total + 1e-6);
    if (scale < 1) {
      for (const auto& parameter : optimizer.parameters()) {
        if (parameter.grad().defined()) parameter.grad().mul_(scale);
      }
    }
  }
  return total;
}

}  // namespace gptkit
