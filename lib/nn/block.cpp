#include "nn/block.h"

#include <ATen/ops/dropout.h>

#include "kernels/attention_bfloat16.h"
#include "kernels/gpt2_block.h"
#include "kernels/linear.h"

namespace gptkit {

BlockImpl::BlockImpl(const ModelConfig& config) : dropout_(config.dropout) {
  norm1_ = register_module("norm1", Norm(config));
  attention_ = register_module("attention", Attention(config));
  norm2_ = register_module("norm2", Norm(config));
  mlp_ = register_module("mlp", Mlp(config));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x, LayerCache* cache,
                                 const Rotation* rotation, const Packing* packing) {
  const bool plain =
      !cache && !rotation && (dropout_ == 0 || !is_training()) && attention_->causal();
  const bool adapted = attention_->qkv()->lora() || attention_->proj()->lora() ||
                       mlp_->up()->lora() || mlp_->down()->lora();
  if (plain && !adapted && autocast_to_bfloat16() && norm1_->bias.defined()) {
    const Gpt2BlockWeights weights{norm1_->weight,
                                   norm1_->bias,
                                   attention_->qkv()->weight,
                                   attention_->qkv()->bias,
                                   attention_->proj()->weight,
                                   attention_->proj()->bias,
                                   norm2_->weight,
                                   norm2_->bias,
                                   mlp_->up()->weight,
                                   mlp_->up()->bias,
                                   mlp_->down()->weight,
                                   mlp_->down()->bias};
    if (fits_gpt2_block(x, weights, attention_->n_head())) {
      const auto offsets = packing ? packing->offsets() : even_offsets(x.size(0), x.size(1));
      return gpt2_block(x, offsets, weights, attention_->n_head(), norm1_->epsilon());
    }
  }
  auto h = x + at::dropout(attention_(norm1_->before_product(x), cache, rotation, packing),
                           dropout_, is_training());
  return h + at::dropout(mlp_(norm2_->before_product(h)), dropout_, is_training());
}

torch::Tensor BlockImpl::forward_at(const torch::Tensor& x, const Packing& packing,
                                    const torch::Tensor& rows, const Rotation* rotation) {
  const auto attended =
      attention_->forward_at(norm1_->before_product(x), packing, rows, rotation);  // (B,C)
  const auto h = x.index_select(0, rows) + at::dropout(attended, dropout_, is_training());
  return h + at::dropout(mlp_(norm2_->before_product(h)), dropout_, is_training());
}

}  // namespace gptkit
