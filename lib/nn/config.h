#pragma once
// The shape of a GPT: plain data that the modules, the files and the programs share.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace gptkit {

/// How fresh weights are drawn (see models/init.h).
enum class Init {
  kTorch,  ///< LibTorch's defaults in the book's construction order: the book's numbers
  kGpt2,   ///< normal(0, 0.02), residual projections divided by sqrt(2 n_layer)
};
constexpr auto enum_names(Init) {
  return std::array{std::pair{"torch", Init::kTorch}, std::pair{"gpt2", Init::kGpt2}};
}

/// Which parts the blocks are made of.
enum class Family {
  kGpt2,   ///< layer norm, learned positions, GELU (Radford et al. 2019)
  kLlama,  ///< RMS norm, rotary positions, SwiGLU (arXiv:2302.13971)
};
constexpr auto enum_names(Family) {
  return std::array{std::pair{"gpt2", Family::kGpt2}, std::pair{"llama", Family::kLlama}};
}

/// Shape of the network. Plain data: copy it, compare it, save it next to the weights. The
/// defaults are GPT-2 small's.
struct ModelConfig {
  Family family = Family::kGpt2;
  int64_t vocab_size = 50257;
  int64_t context_length = 1024;
  int64_t n_layer = 12;
  int64_t n_head = 12;
  int64_t n_kv_head = 0;  // 0 is n_head; fewer is grouped-query attention (arXiv:2305.13245)
  int64_t d_model = 768;
  int64_t d_head = 0;  // 0 is d_model / n_head
  int64_t d_ff = 0;    // 0 is 4 d_model
  double dropout = 0.0;
  bool qkv_bias = true;
  bool proj_bias = true;
  bool mlp_bias = true;
  bool tie_embeddings = true;
  double norm_epsilon = 1e-5;
  double rope_theta = 10000;
  double rope_factor = 1;
  double rope_low_frequency = 1;
  double rope_high_frequency = 4;
  int64_t rope_original_context = 8192;
  Init init = Init::kGpt2;

  bool is_llama() const { return family == Family::kLlama; }
  int64_t kv_heads() const { return n_kv_head > 0 ? n_kv_head : n_head; }
  int64_t head_dim() const { return d_head > 0 ? d_head : d_model / n_head; }
  int64_t feed_forward() const { return d_ff > 0 ? d_ff : 4 * d_model; }
  bool operator==(const ModelConfig&) const = default;
};

/// The one list of fields: YAML, --print-config and checkpoints all walk it.
template <class Visitor>
void visit_fields(ModelConfig& c, Visitor&& visit) {
  visit("family", c.family, "gpt2 (layer norm, learned positions, GELU) or llama");
  visit("vocab_size", c.vocab_size, "number of token ids");
  visit("context_length", c.context_length, "longest sequence, in tokens");
  visit("n_layer", c.n_layer, "transformer blocks");
  visit("n_head", c.n_head, "attention heads per block; divides d_model");
  visit("n_kv_head", c.n_kv_head, "key/value heads per block; divides n_head; 0 is n_head");
  visit("d_model", c.d_model, "width of the residual stream");
  visit("d_head", c.d_head, "width of a head; 0 is d_model / n_head");
  visit("d_ff", c.d_ff, "width inside the feed-forward; 0 is 4 d_model");
  visit("dropout", c.dropout, "after the embeddings, on attention weights, on each residual");
  visit("qkv_bias", c.qkv_bias, "bias on the query, key and value projections");
  visit("proj_bias", c.proj_bias, "bias on attention's output projection; gpt2 always has it");
  visit("mlp_bias", c.mlp_bias, "biases in the feed-forward; gpt2 always has them");
  visit("tie_embeddings", c.tie_embeddings, "the output head is the token embedding");
  visit("norm_epsilon", c.norm_epsilon, "added to the variance in each norm");
  visit("rope_theta", c.rope_theta, "base of the rotary positions' wavelengths");
  visit("rope_factor", c.rope_factor, "Llama-3 scaling: long wavelengths times this; 1: none");
  visit("rope_low_frequency", c.rope_low_frequency, "it grows below so many turns in the context");
  visit("rope_high_frequency", c.rope_high_frequency, "it ends above so many turns");
  visit("rope_original_context", c.rope_original_context, "the context length before scaling");
  visit("init", c.init, "torch (the book's) or gpt2 (normal 0.02, scaled residuals)");
}

/// gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2-135m, smollm2-360m or smollm2-1.7b; fails naming
/// them for anything else.
ModelConfig model_preset(std::string_view name);

/// Fails, before anything is allocated, for values no model can have or this machine cannot hold.
void validate(const ModelConfig& config);

/// Trainable parameters, a tied head counted once.
int64_t parameter_count(const ModelConfig& config);

/// Floating-point operations of one forward pass over B sequences of T tokens, a multiply-add
/// counted as two (the book's chapter 4 counts multiply-adds: half of it).
double forward_flops(const ModelConfig& config, int64_t B, int64_t T);

}  // namespace gptkit
