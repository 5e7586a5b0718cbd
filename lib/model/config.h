#pragma once
// The shape of a GPT: plain data that the modules, the files and the programs share.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace gptkit {

/// How fresh weights are drawn (see model/init.h).
enum class Init {
  kTorch,  ///< LibTorch's defaults in the book's construction order: the book's numbers
  kGpt2,   ///< normal(0, 0.02), residual projections divided by sqrt(2 n_layer)
};
constexpr auto enum_names(Init) {
  return std::array{std::pair{"torch", Init::kTorch}, std::pair{"gpt2", Init::kGpt2}};
}

/// Shape of the network. Plain data: copy it, compare it, save it next to the weights. The
/// defaults are GPT-2 small's (Radford et al. 2019).
struct ModelConfig {
  int64_t vocab_size = 50257;
  int64_t context_length = 1024;
  int64_t n_layer = 12;
  int64_t n_head = 12;
  int64_t d_model = 768;
  int64_t d_ff = 0;  // 0 is 4 d_model
  double dropout = 0.0;
  bool qkv_bias = true;
  bool tie_embeddings = true;
  double norm_epsilon = 1e-5;
  Init init = Init::kGpt2;

  int64_t head_dim() const { return d_model / n_head; }
  int64_t feed_forward() const { return d_ff > 0 ? d_ff : 4 * d_model; }
  bool operator==(const ModelConfig&) const = default;
};

/// The one list of fields: YAML, --print-config and checkpoints all walk it.
template <class Visitor>
void visit_fields(ModelConfig& c, Visitor&& visit) {
  visit("vocab_size", c.vocab_size, "number of token ids");
  visit("context_length", c.context_length, "longest sequence, in tokens");
  visit("n_layer", c.n_layer, "transformer blocks");
  visit("n_head", c.n_head, "attention heads per block; divides d_model");
  visit("d_model", c.d_model, "width of the residual stream");
  visit("d_ff", c.d_ff, "width inside the feed-forward; 0 is 4 d_model");
  visit("dropout", c.dropout, "after the embeddings, on attention weights, on each residual");
  visit("qkv_bias", c.qkv_bias, "bias on the query, key and value projections");
  visit("tie_embeddings", c.tie_embeddings, "the output head is the token embedding");
  visit("norm_epsilon", c.norm_epsilon, "added to the variance in layer norm");
  visit("init", c.init, "torch (the book's) or gpt2 (normal 0.02, scaled residuals)");
}

/// gpt2, gpt2-medium, gpt2-large or gpt2-xl; fails naming them for anything else.
ModelConfig model_preset(std::string_view name);

/// Fails, before anything is allocated, for values no model can have or this machine cannot hold.
void validate(const ModelConfig& config);

/// Trainable parameters, a tied head counted once.
int64_t parameter_count(const ModelConfig& config);

/// Floating-point operations of one forward pass over B sequences of T tokens, a multiply-add
/// counted as two (the book's chapter 4 counts multiply-adds: half of it).
double forward_flops(const ModelConfig& config, int64_t B, int64_t T);

}  // namespace gptkit
