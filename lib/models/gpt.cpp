#include "models/gpt.h"

#include <ATen/ops/dropout.h>

#include "base/error.h"
#include "kernels/embedding.h"
#include "nn/activation_checkpointing.h"

namespace gptkit {

EmbeddingImpl::EmbeddingImpl(int64_t count, int64_t width) {
  weight = register_parameter("weight", torch::empty({count, width}));
}

torch::Tensor EmbeddingImpl::forward(const torch::Tensor& ids) const {
  return embedding_lookup(weight, ids);
}

GPTImpl::GPTImpl(const ModelConfig& config) : config_(config) {
  validate(config);
  const int64_t C = config.d_model;
  token_embedding_ = register_module("token_embedding", Embedding(config.vocab_size, C));
  if (config.positions == PositionKind::kRotary) rotary_.emplace(rotary_options(config));
  if (config.positions == PositionKind::kLearned) {
    position_embedding_ =
        register_module("position_embedding", Embedding(config.context_length, C));
  }
  blocks_ = register_module("blocks", torch::nn::ModuleList());
  const auto block = block_options(config);
  for (int64_t i = 0; i < config.n_layer; ++i) blocks_->push_back(Block(block));
  if (config.norm_placement == NormPlacement::kPre) {
    final_norm_ = register_module("final_norm", Norm(block.norm));
  }
  if (!config.tie_embeddings) {
    head_ = register_module("head", Linear(C, config.vocab_size, /*with_bias=*/false));
  }
}

Block GPTImpl::block(int64_t i) const {
  return Block(std::dynamic_pointer_cast<BlockImpl>(blocks_->ptr(static_cast<size_t>(i))));
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the blocks
void GPTImpl::set_causal(bool causal) {
  for (int64_t i = 0; i < config_.n_layer; ++i) block(i)->attention()->set_causal(causal);
}

torch::Tensor GPTImpl::embed(const torch::Tensor& ids, const torch::Tensor& positions,
                             int64_t tokens) {
  require(tokens <= config_.context_length, "the sequence has ", tokens,
          " tokens but the model's context holds ", config_.context_length);
  auto x = token_embedding_(ids);
  if (position_embedding_) x = x + position_embedding_(positions);
  if (config_.positions == PositionKind::kSinusoidal) {
    x = x + sinusoidal_positions(positions, config_.d_model).to(x.scalar_type());
  }
  return at::dropout(x, config_.dropout, is_training());
}

torch::Tensor GPTImpl::run_blocks(torch::Tensor x, int64_t begin, int64_t end, const Pass& pass) {
  for (int64_t i = begin; i < end; ++i) {
    const auto block = blocks_->ptr<BlockImpl>(static_cast<size_t>(i));
    if (activation_checkpointing_ && is_training() && !pass.cache) {
      x = checkpointed(
          [block, pass](const auto& in) {
            return block->forward(in, nullptr, pass.turn(), pass.packed());
          },
          x);
    } else {
      auto* cache = pass.cache ? &pass.cache->layer(i) : nullptr;
      x = block->forward(x, cache, pass.turn(), pass.packed());
    }
  }
  return x;
}

torch::Tensor GPTImpl::finish(const torch::Tensor& x) { return final_norm_ ? final_norm_(x) : x; }

torch::Tensor GPTImpl::hidden(const torch::Tensor& ids, KvCache* cache) {
  const int64_t past = cache ? cache->tokens() : 0, T = ids.size(1);
  const auto x = embed(ids, torch::arange(past, past + T, ids.options()), past + T);  // (B,T,C)
  Pass pass{cache};
  if (rotary_) pass.rotation = rotary_->at(past, T, x);
  return finish(run_blocks(x, 0, config_.n_layer, pass));
}

GPTImpl::Pass GPTImpl::packed_pass(const torch::Tensor& x, const Packing& packing) {
  Pass pass{.packing = packing};
  if (rotary_) {
    const auto table = rotary_->at(/*past=*/0, packing.longest(), x);
    pass.rotation = {table.cos.index_select(0, packing.positions()),
                     table.sin.index_select(0, packing.positions())};
  }
  return pass;
}

torch::Tensor GPTImpl::hidden(const torch::Tensor& ids, const Packing& packing) {
  return hidden_after_blocks(first_blocks(ids, packing, 0), packing, 0);
}

torch::Tensor GPTImpl::first_blocks(const torch::Tensor& ids, const Packing& packing,
                                    int64_t blocks) {
  auto x = embed(ids, packing.positions(), packing.longest());
  if (blocks == 0) return x;
  return run_blocks(x.unsqueeze(0), 0, blocks, packed_pass(x, packing))[0];
}

torch::Tensor GPTImpl::hidden_after_blocks(const torch::Tensor& x, const Packing& packing,
                                           int64_t blocks) {
  const auto pass = packed_pass(x, packing);
  return finish(run_blocks(x.unsqueeze(0), blocks, config_.n_layer, pass)[0]);
}

torch::Tensor GPTImpl::hidden_at(const torch::Tensor& x, const Packing& packing, int64_t blocks,
                                 const torch::Tensor& rows) {
  const int64_t last = config_.n_layer - 1;
  if (blocks > last) return finish(x.index_select(0, rows));
  const auto pass = packed_pass(x, packing);
  const auto below = run_blocks(x.unsqueeze(0), blocks, last, pass)[0];
  const auto block = blocks_->ptr<BlockImpl>(static_cast<size_t>(last));
  return finish(block->forward_at(below, packing, rows, pass.turn()));
}

torch::Tensor GPTImpl::logits(const torch::Tensor& hidden) {
  if (head_ && !head_->quantized().empty()) return head_(hidden);
  return at::linear(hidden, head_weight());
}

torch::Tensor GPTImpl::forward(const torch::Tensor& ids, KvCache* cache) {
  return logits(hidden(ids, cache));
}

void GPTImpl::grow_vocabulary_(int64_t vocab_size) {
  require(vocab_size >= config_.vocab_size, "the vocabulary can only grow: it has ",
          config_.vocab_size, " tokens and ", vocab_size, " were asked for");
  torch::NoGradGuard no_grad;
  const auto grow = [&](torch::Tensor& weight) {
    const auto row = weight.mean(0, /*keepdim=*/true);
    const auto fresh = row.expand({vocab_size - weight.size(0), weight.size(1)});
    weight.set_data(torch::cat({weight.detach(), fresh}));
  };
  grow(token_embedding_->weight);
  if (head_) grow(head_->weight);
  config_.vocab_size = vocab_size;
}

}  // namespace gptkit
