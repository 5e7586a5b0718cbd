#pragma once
// A GPT with a class head instead of the vocabulary head.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <array>
#include <utility>
#include <vector>

#include "models/gpt.h"
#include "nn/packing.h"

namespace gptkit {

/// The position whose output the class head reads.
enum class Pooling {
  kLastToken,     ///< the last real token: padding does not matter
  kLastPosition,  ///< the last position, padding included: the book's chapter 6
  kFirstToken,    ///< for comparison: in a causal model it attends only to itself
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
  /// Owns the model; a vocabulary head is not used. The class head is uninitialised until
  /// initialize_linear_(head()) or loading.
  ClassifierImpl(GPT gpt, int64_t n_class, Pooling pooling, bool head_bias);

  /// ids (B,T), lengths: real tokens of each row -> class logits (B,n_class). Padding is not
  /// computed, unless the pooling reads it.
  torch::Tensor forward(const torch::Tensor& ids, const std::vector<int64_t>& lengths);
  /// The rows that are computed: the tokens, or with kLastPosition all T positions.
  Packing packing(int64_t T, const std::vector<int64_t>& lengths) const;
  /// The logits from the output of the first `blocks` blocks: x (N,C) of gpt()->first_blocks().
  torch::Tensor logits_after_blocks(const torch::Tensor& x, const Packing& packing, int64_t blocks);
  /// The logits from the final norm's output: hidden (N,C).
  torch::Tensor from_hidden(const torch::Tensor& hidden, const Packing& packing);

  GPT gpt() const { return gpt_; }
  Linear head() const { return head_; }
  int64_t n_class() const { return head_->weight.size(0); }
  Pooling pooling() const { return pooling_; }

 private:
  torch::Tensor row_read(const Packing& packing) const;
  torch::Tensor score(const torch::Tensor& pooled);

  Pooling pooling_;
  GPT gpt_{nullptr};
  Linear head_{nullptr};
};
TORCH_MODULE(Classifier);

}  // namespace gptkit
