#include "nn/block.h"

#include <ATen/ops/dropout.h>

#include "kernels/attention.h"
#include "kernels/gpt2_block.h"
#include "kernels/matmul.h"

namespace gptkit {

BlockImpl::BlockImpl(const BlockOptions& options)
    : dropout_(options.dropout), post_norm_(options.norm_placement == NormPlacement::kPost) {
  norm1_ = register_module("norm1", Norm(options.norm));
  attention_ = register_module("attention", Attention(options.attention));
  norm2_ = register_module("norm2", Norm(options.norm));
  mlp_ = register_module("mlp", Mlp(options.mlp));
}

bool BlockImpl::is_gpt2() const {
  const bool adapted = attention_->qkv()->lora() || attention_->proj()->lora() ||
                       mlp_->up()->lora() || mlp_->down()->lora();
  const auto& qkv = attention_->qkv()->weight;
  return !adapted && !post_norm_ && norm1_->bias.defined() && attention_->causal() &&
         qkv.defined() && qkv.size(0) == 3 * qkv.size(1) && attention_->proj()->bias.defined() &&
         !mlp_->gated() && mlp_->up()->bias.defined();
}

torch::Tensor BlockImpl::attention_input(const torch::Tensor& x) {
  return post_norm_ ? x : norm1_->before_matmul(x);
}

torch::Tensor BlockImpl::add_attention(const torch::Tensor& x, const torch::Tensor& attended) {
  const auto h = x + at::dropout(attended, dropout_, is_training());
  return post_norm_ ? norm1_(h) : h;
}

torch::Tensor BlockImpl::feed_forward(const torch::Tensor& h) {
  const auto input = post_norm_ ? h : norm2_->before_matmul(h);
  const auto y = h + at::dropout(mlp_(input), dropout_, is_training());
  return post_norm_ ? norm2_(y) : y;
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x, LayerCache* cache,
                                 const Rotation* rotation, const Packing* packing) {
  const bool plain = !cache && !rotation && (dropout_ == 0 || !is_training());
  if (plain && autocast_to_bfloat16() && is_gpt2()) {
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
  return feed_forward(add_attention(x, attention_(attention_input(x), cache, rotation, packing)));
}

torch::Tensor BlockImpl::forward_at(const torch::Tensor& x, const Packing& packing,
                                    const torch::Tensor& rows, const Rotation* rotation) {
  const auto attended =
      attention_->forward_at(attention_input(x), packing, rows, rotation);  // (B,C)
  return feed_forward(add_attention(x.index_select(0, rows), attended));
}

}  // namespace gptkit
