#pragma once
// The shape of a model as independent choices: plain data that modules, files and programs share.
// The choices of a family are in models/family.h.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/options.h"

namespace gptkit {

/// The initialisation of weights (see models/init.h).
enum class Init {
  kTorch,  ///< LibTorch's defaults in the book's construction order: the book's weights
  kGpt2,   ///< normal(0, 0.02), residual projections divided by sqrt(2 n_layer)
};
constexpr auto enum_names(Init) {
  return std::array{std::pair{"torch", Init::kTorch}, std::pair{"gpt2", Init::kGpt2}};
}

/// The position encoding.
enum class PositionKind {
  kLearned,     ///< a learned vector is added to the embedding
  kRotary,      ///< queries and keys are rotated (arXiv:2104.09864)
  kSinusoidal,  ///< sines and cosines are added to the embedding (arXiv:1706.03762)
  kNone,        ///< only the causal mask (arXiv:2305.19466)
};
constexpr auto enum_names(PositionKind) {
  return std::array{
      std::pair{"learned", PositionKind::kLearned}, std::pair{"rotary", PositionKind::kRotary},
      std::pair{"sinusoidal", PositionKind::kSinusoidal}, std::pair{"none", PositionKind::kNone}};
}

/// The tokens that a token attends to.
enum class AttentionMask {
  kCausal,         ///< itself and earlier tokens
  kBidirectional,  ///< all tokens of its sequence
};
constexpr auto enum_names(AttentionMask) {
  return std::array{std::pair{"causal", AttentionMask::kCausal},
                    std::pair{"bidirectional", AttentionMask::kBidirectional}};
}

/// Shape of the network. Plain data: copy it, compare it, save it next to the weights. The
/// defaults are GPT-2 small's.
struct ModelConfig {
  std::string family = "gpt2";  // a name of models/family.h; decides the tensor names in files
  NormKind norm = NormKind::kLayer;
  NormPlacement norm_placement = NormPlacement::kPre;
  PositionKind positions = PositionKind::kLearned;
  MlpKind mlp = MlpKind::kGelu;
  AttentionMask attention = AttentionMask::kCausal;
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

  int64_t kv_heads() const { return n_kv_head > 0 ? n_kv_head : n_head; }
  int64_t head_dim() const { return d_head > 0 ? d_head : d_model / n_head; }
  int64_t feed_forward() const { return d_ff > 0 ? d_ff : 4 * d_model; }
  bool operator==(const ModelConfig&) const = default;
};

/// The one list of fields for YAML, --print-config and checkpoints.
template <class Visitor>
void visit_fields(ModelConfig& c, Visitor&& visit) {
  visit("family", c.family,
        "gpt2, llama, mistral, qwen2, or gptkit for any combination of choices");
  visit("norm", c.norm, "layer or rms");
  visit("norm_placement", c.norm_placement, "pre (before attention and feed-forward) or post");
  visit("positions", c.positions, "learned, rotary, sinusoidal or none");
  visit("mlp", c.mlp, "feed-forward: gelu or swiglu");
  visit("attention", c.attention, "causal or bidirectional");
  visit("vocab_size", c.vocab_size, "number of token ids");
  visit("context_length", c.context_length, "longest sequence, in tokens");
  visit("n_layer", c.n_layer, "transformer blocks");
  visit("n_head", c.n_head, "attention heads per block; divides d_model");
  visit("n_kv_head", c.n_kv_head, "key/value heads per block; divides n_head; 0 is n_head");
  visit("d_model", c.d_model, "width of the residual stream");
  visit("d_head", c.d_head, "width of a head; 0 is d_model / n_head");
  visit("d_ff", c.d_ff, "width inside the feed-forward; 0 is 4 d_model");
  visit("dropout", c.dropout,
        "dropout after the embeddings, on attention weights and on each residual");
  visit("qkv_bias", c.qkv_bias, "bias on the query, key and value projections");
  visit("proj_bias", c.proj_bias, "bias on attention's output projection");
  visit("mlp_bias", c.mlp_bias, "biases in the feed-forward");
  visit("tie_embeddings", c.tie_embeddings, "the output head is the token embedding");
  visit("norm_epsilon", c.norm_epsilon, "added to the variance in each norm");
  visit("rope_theta", c.rope_theta, "rotary positions: base of the wavelengths");
  visit("rope_factor", c.rope_factor,
        "rotary positions: long wavelengths are multiplied by this (Llama 3); 1: none");
  visit("rope_low_frequency", c.rope_low_frequency,
        "scaling applies in full below this many turns in the original context");
  visit("rope_high_frequency", c.rope_high_frequency,
        "scaling does not apply above this many turns");
  visit("rope_original_context", c.rope_original_context, "context length before scaling");
  visit("init", c.init, "torch (the book's) or gpt2 (normal 0.02, scaled residuals)");
}

/// Names for errors about a shape that was read from a file.
struct ConfigNames {
  std::string where;                                           ///< the file
  std::vector<std::pair<std::string, std::string>> keys = {};  ///< our name, the file's
};

/// Fails for values out of range, choices that do not fit together or do not fit the family, and
/// sizes that do not fit into this machine's memory. Allocates nothing.
void validate(const ModelConfig& config);
/// The same; errors name the file and its own keys.
void validate(const ModelConfig& config, const ConfigNames& names);

/// The options for constructing layers.
BlockOptions block_options(const ModelConfig& config);
RotaryOptions rotary_options(const ModelConfig& config);
CacheShape cache_shape(const ModelConfig& config);

/// One layer with parameters: its name among the modules ("blocks.{}.attention.qkv", {} being the
/// block's number) and the sizes of its tensors.
struct LayerShape {
  std::string_view name;
  std::vector<int64_t> weight;
  bool bias = false;  ///< whether it has a bias, of the first size of the weight
};
/// All layers in the order of the forward pass; the layers of a block are listed once.
std::vector<LayerShape> layer_shapes(const ModelConfig& config);

/// Trainable parameters, a tied head counted once.
int64_t parameter_count(const ModelConfig& config);

/// Floating-point operations of one forward pass over B sequences of T tokens, a multiply-add
/// counted as two (the book's chapter 4 counts multiply-adds: half of it).
double forward_flops(const ModelConfig& config, int64_t B, int64_t T);

}  // namespace gptkit
