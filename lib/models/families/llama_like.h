#pragma once
// Common parts of Llama (arXiv:2302.13971) and similar families: RMS norm, rotary positions,
// SwiGLU, and the names of LlamaForCausalLM's tensors and of llama.cpp's keys.
// https://huggingface.co/docs/transformers/model_doc/llama

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/family.h"

namespace gptkit {

/// Fields that all these families fix.
inline constexpr std::array<std::string_view, 5> kLlamaLikeFixed = {
    "norm", "norm_placement", "positions", "mlp", "attention"};

/// The choices without biases on any layer.
ModelConfig llama_like(const std::string& family);

/// `paired`: whether GGUF pairs the rows of queries and keys as neighbours, as it does in its
/// architecture llama.
constexpr std::array<TensorRule, 12> llama_like_tensors(bool paired) {
  return {{{"token_embedding", "model.embed_tokens", "token_embd"},
           {"blocks.{}.norm1", "model.layers.{}.input_layernorm", "blk.{}.attn_norm"},
           {.layer = "blocks.{}.attention.qkv",
            .hugging_face = "model.layers.{}.self_attn.q_proj",
            .gguf = "blk.{}.attn_q",
            .rows = Rows::kQuery,
            .paired = paired},
           {.layer = "blocks.{}.attention.qkv",
            .hugging_face = "model.layers.{}.self_attn.k_proj",
            .gguf = "blk.{}.attn_k",
            .rows = Rows::kKey,
            .paired = paired},
           {"blocks.{}.attention.qkv", "model.layers.{}.self_attn.v_proj", "blk.{}.attn_v",
            Rows::kValue},
           {"blocks.{}.attention.proj", "model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
           {"blocks.{}.norm2", "model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
           {"blocks.{}.mlp.up", "model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate", Rows::kGate},
           {"blocks.{}.mlp.up", "model.layers.{}.mlp.up_proj", "blk.{}.ffn_up", Rows::kUp},
           {"blocks.{}.mlp.down", "model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
           {"final_norm", "model.norm", "output_norm"},
           {"head", "lm_head", "output"}}};
}

/// The rotary frequencies in old checkpoints.
inline constexpr std::array<std::string_view, 1> kLlamaLikeBuffers = {".rotary_emb.inv_freq"};

std::span<const FieldKey> llama_like_gguf_keys();

/// The defaults of transformers for keys missing in config.json.
struct LlamaLikeDefaults {
  int64_t vocab_size = 32000, context_length = 2048, d_ff = 11008, n_kv_head = 0;
};

/// Reads a config.json; `config` starts with the family's choices.
struct LlamaLikeReader {
  ModelConfig config;
  ConfigNames names;

  /// Reads the fields that all these families have.
  LlamaLikeReader(const Json& json, const std::string& where, const ModelConfig& choices,
                  const LlamaLikeDefaults& defaults);
  /// Fails for a window that is narrower than the context, because it changes attention.
  void refuse_sliding_window(const Json& json) const;
  /// The validated config.
  ModelConfig finish();
};

Json llama_like_to_json(const ModelConfig& config);

/// The rules of config.json that all these families share, then the family's own and the common
/// ones.
std::vector<KeyRule> llama_like_json_keys(std::span<const KeyRule> own);

}  // namespace gptkit
