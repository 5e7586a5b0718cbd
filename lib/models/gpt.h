#pragma once
// Transformer blocks between a token embedding and a head, which may be tied to the embedding,
// built by models/config.h.

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <optional>

#include "models/config.h"
#include "nn/block.h"
#include "nn/kv_cache.h"
#include "nn/norm.h"
#include "nn/packing.h"
#include "nn/positions.h"

namespace gptkit {

/// A table of vectors, looked up by id. Like Linear it is not initialised when constructed.
class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(int64_t count, int64_t width);

  /// ids int64 (...) -> (..., width)
  torch::Tensor forward(const torch::Tensor& ids) const;

  torch::Tensor weight;  // (count, width)
};
TORCH_MODULE(Embedding);

class GPTImpl : public torch::nn::Module {
 public:
  /// Allocates. The weights are uninitialised until initialize_ (models/init.h) or loading.
  explicit GPTImpl(const ModelConfig& config);

  /// ids int64 (B,T) -> logits (B,T,V). With a cache, the ids follow the tokens it holds.
  torch::Tensor forward(const torch::Tensor& ids, KvCache* cache = nullptr);
  /// ids (B,T) -> the final norm's output (B,T,C), what the head reads.
  torch::Tensor hidden(const torch::Tensor& ids, KvCache* cache = nullptr);
  /// The same without padding: ids (N) of concatenated sequences -> (N,C).
  torch::Tensor hidden(const torch::Tensor& ids, const Packing& packing);
  /// hidden() split at a block: the output of the first `blocks` blocks (N,C), and the remainder.
  /// The output of frozen blocks is the same in every epoch and can be computed once.
  torch::Tensor first_blocks(const torch::Tensor& ids, const Packing& packing, int64_t blocks);
  torch::Tensor hidden_after_blocks(const torch::Tensor& x, const Packing& packing, int64_t blocks);
  /// hidden_after_blocks() at one row of each sequence: rows int64 (B) -> (B,C). The last
  /// block computes only keys and values for the other rows.
  torch::Tensor hidden_at(const torch::Tensor& x, const Packing& packing, int64_t blocks,
                          const torch::Tensor& rows);
  /// hidden (...,C) -> logits (...,V)
  torch::Tensor logits(const torch::Tensor& hidden);

  /// (V,C) the weight of the output layer: the head's, or the token embedding's when tied.
  const torch::Tensor& head_weight() const {
    return head_ ? head_->weight : token_embedding_->weight;
  }

  const ModelConfig& config() const { return config_; }
  Embedding token_embedding() const { return token_embedding_; }
  Embedding position_embedding() const { return position_embedding_; }  // empty unless learned
  Block block(int64_t i) const;
  Norm final_norm() const { return final_norm_; }  // empty with post norms
  Linear head() const { return head_; }            // empty when tied
  torch::Device device() const { return token_embedding_->weight.device(); }

  /// Whether attention is causal; initially as in the config. A model without causal attention
  /// cannot generate.
  void set_causal(bool causal);
  /// Whether training stores only the input of each block and recomputes the block in the backward
  /// pass (nn/activation_checkpointing.h): about a quarter more time, a fraction of the memory.
  void set_activation_checkpointing(bool on) { activation_checkpointing_ = on; }

  /// Enlarges the vocabulary. Old rows are kept; each new row is their mean, so that a new token is
  /// neither likely nor impossible. The logits of old tokens do not change.
  void grow_vocabulary_(int64_t vocab_size);

 private:
  /// The arguments of the blocks in one pass beside their input.
  struct Pass {
    KvCache* cache = nullptr;
    std::optional<Packing> packing = {};
    std::optional<Rotation> rotation = {};
    const Rotation* turn() const { return rotation ? &*rotation : nullptr; }
    const Packing* packed() const { return packing ? &*packing : nullptr; }
  };
  Pass packed_pass(const torch::Tensor& x, const Packing& packing);
  /// ids (...,T) at the positions (T), of which the last is `tokens` - 1 -> (...,T,C)
  torch::Tensor embed(const torch::Tensor& ids, const torch::Tensor& positions, int64_t tokens);
  /// x (B,T,C), or (1,N,C) when packed
  torch::Tensor run_blocks(torch::Tensor x, int64_t begin, int64_t end, const Pass& pass);

  /// The input of the head, from the output of the last block.
  torch::Tensor finish(const torch::Tensor& x);

  ModelConfig config_;
  bool activation_checkpointing_ = false;
  Embedding token_embedding_{nullptr}, position_embedding_{nullptr};
  torch::nn::ModuleList blocks_{nullptr};
  Norm final_norm_{nullptr};
  Linear head_{nullptr};
  std::optional<RotaryTable> rotary_;
};
TORCH_MODULE(GPT);

}  // namespace gptkit
