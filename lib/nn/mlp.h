#pragma once
// The position-wise feed-forward: C -> F, GELU in its tanh form (arXiv:1606.08415), F -> C; in the
// Llama family SwiGLU (arXiv:2002.05202), C -> F twice, silu of one gating the other, F -> C.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/config.h"
#include "nn/linear.h"

namespace gptkit {

class MlpImpl : public torch::nn::Module {
 public:
  explicit MlpImpl(const ModelConfig& config);

  /// x (B,T,C) -> (B,T,C)
  torch::Tensor forward(const torch::Tensor& x);

  Linear up() const { return up_; }      // (F,C); SwiGLU: (2F,C), the gate's rows first
  Linear down() const { return down_; }  // (C,F)

 private:
  bool gated_;
  Linear up_{nullptr}, down_{nullptr};
};
TORCH_MODULE(Mlp);

}  // namespace gptkit
