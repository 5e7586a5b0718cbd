#pragma once
// The tensors of a model by the rules of its family: their names, their shapes, and the rows of our
// parameters that they correspond to. Does not build a model.

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
  bool zeros = false;          ///< in the files (TensorRule::always_bias) but not in the model
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

/// The family's name for one of our layers that it does not split: "model.embed_tokens" for
/// "token_embedding".
std::string hugging_face_layer(const ModelConfig& config, std::string_view layer);

/// The prefix of the family's names that is missing in a model saved without its head:
/// "transformer.".
std::string hugging_face_prefix(const ModelConfig& config);

/// The name of a pattern of rules in one block.
std::string in_block(std::string_view pattern, int64_t block);

}  // namespace gptkit
