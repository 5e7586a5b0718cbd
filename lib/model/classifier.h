#pragma once
// A GPT with a class head instead of the vocabulary head.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <array>
#include <utility>

#include "model/gpt.h"

namespace gptkit {

/// Which position's output the class head reads.
enum class Pooling {
  kLastToken,     ///< the last real token: padding does not matter
  kLastPosition,  ///< the last position, padding included: the book's chapter 6
  kFirstToken,    ///< which sees nothing but itself in a causal model: for comparison
  kMean,          ///< the mean over the real tokens
};
constexpr auto enum_names(Pooling) {
  return std::array{std::pair{"last_token", Pooling::kLastToken},
                    std::pair{"last_position", Pooling::kLastPosition},
                    std::pair{"first_token", Pooling::kFirstToken},
                    std::pair{"mean", Pooling::kMean}};
}

class ClassifierImpl : public torch::nn::Module {
 public:
  /// Takes the model over (its vocabulary head, if it has one, is left unused). The class head is
  /// not initialised: initialize_linear_(head()) or loading does that.
  ClassifierImpl(GPT gpt, int64_t n_class, Pooling pooling, bool head_bias);

  /// ids (B,T), lengths int64 (B): real tokens per row -> class logits (B,n_class)
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& lengths);
  /// The same from what the first `blocks` blocks made of the ids: gpt()->trunk(ids, blocks).
  torch::Tensor after_trunk(const torch::Tensor& x, int64_t blocks, const torch::Tensor& lengths);
  /// The same from the final norm's output at every position: hidden (B,T,C).
  torch::Tensor from_hidden(const torch::Tensor& hidden, const torch::Tensor& lengths);

  GPT gpt() const { return gpt_; }
  Linear head() const { return head_; }
  int64_t n_class() const { return head_->weight.size(0); }
  Pooling pooling() const { return pooling_; }

 private:
  torch::Tensor position_read(const torch::Tensor& lengths, int64_t T) const;
  torch::Tensor score(const torch::Tensor& pooled);

  Pooling pooling_;
  GPT gpt_{nullptr};
  Linear head_{nullptr};
};
TORCH_MODULE(Classifier);

}  // namespace gptkit
