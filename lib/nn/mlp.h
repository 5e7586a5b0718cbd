#pragma once
// The position-wise feed-forward, one of the kinds of nn/options.h.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/linear.h"
#include "nn/options.h"

namespace gptkit {

class MlpImpl : public torch::nn::Module {
 public:
  explicit MlpImpl(const MlpOptions& options);

  /// x (B,T,C) -> (B,T,C)
  torch::Tensor forward(const torch::Tensor& x);

  bool gated() const { return gated_; }
  Linear up() const { return up_; }      // (F,C); SwiGLU: (2F,C), the gate's rows first
  Linear down() const { return down_; }  // (C,F)

 private:
  bool gated_;
  Linear up_{nullptr}, down_{nullptr};
};
TORCH_MODULE(Mlp);

}  // namespace gptkit
