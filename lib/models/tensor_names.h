#pragma once
// The tensors of a model by the rules of its family: what they are called, their shapes, and which
// rows of our parameters they are. No model is built for it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/family.h"

namespace gptkit {

/// One tensor of a model's files.
struct ModelTensor {
  const TensorRule* rule = nullptr;
  std::string layer;     ///< ours: "blocks.3.attention.qkv"
  bool is_bias = false;  ///< the layer's bias; else its weight
  int64_t begin = 0;     ///< its rows of our parameter: [begin, begin + count)
  int64_t count = 0;
  bool zeros = false;          ///< the files have it (TensorRule::always_bias), the model has not
  std::string hugging_face;    ///< "transformer.h.3.attn.c_attn.weight"
  std::string gguf;            ///< "blk.3.attn_qkv.weight"
  std::string openai;          ///< "model/h3/attn/c_attn/w"; empty: none
  std::vector<int64_t> shape;  ///< in Hugging Face's orientation

  /// "blocks.3.attention.qkv.weight"
  std::string parameter() const { return layer + (is_bias ? ".bias" : ".weight"); }
  bool transposed() const { return rule->transposed && !is_bias; }
};

/// All of them in the order of Hugging Face's files; an untied head is last.
std::vector<ModelTensor> model_tensors(const ModelConfig& config);

/// The family's name for a layer of ours that it has in one piece: "model.embed_tokens" for
/// "token_embedding".
std::string hugging_face_layer(const ModelConfig& config, std::string_view layer);

/// The part of the family's names that a model saved without its head leaves out: "transformer.".
std::string hugging_face_prefix(const ModelConfig& config);

/// The name of a pattern of rules in one block.
std::string in_block(std::string_view pattern, int64_t block);

}  // namespace gptkit
