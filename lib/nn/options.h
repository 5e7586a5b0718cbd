#pragma once
// What the layers are constructed from: plain numbers and choices, without LibTorch.

#include <array>
#include <cstdint>
#include <utility>

namespace gptkit {

enum class NormKind {
  kLayer,  ///< layer norm (arXiv:1607.06450), with a bias
  kRms,    ///< RMS norm (arXiv:1910.07467), without
};
constexpr auto enum_names(NormKind) {
  return std::array{std::pair{"layer", NormKind::kLayer}, std::pair{"rms", NormKind::kRms}};
}

struct NormOptions {
  NormKind kind = NormKind::kLayer;
  int64_t width = 0;      // C
  double epsilon = 1e-5;  // added to the variance
};

enum class MlpKind {
  kGelu,    ///< C -> F, GELU in its tanh form (arXiv:1606.08415), F -> C
  kSwiglu,  ///< C -> F twice, silu of one gates the other (arXiv:2002.05202), F -> C
};
constexpr auto enum_names(MlpKind) {
  return std::array{std::pair{"gelu", MlpKind::kGelu}, std::pair{"swiglu", MlpKind::kSwiglu}};
}

struct MlpOptions {
  MlpKind kind = MlpKind::kGelu;
  int64_t d_model = 0;  // C
  int64_t d_ff = 0;     // F
  bool bias = true;
};

struct AttentionOptions {
  int64_t d_model = 0;    // C
  int64_t n_head = 1;     // H
  int64_t n_kv_head = 1;  // G, divides H
  int64_t d_head = 0;     // D
  bool qkv_bias = true;
  bool proj_bias = true;
  double dropout = 0;  // of the attention weights
  bool causal = true;  // a token sees only itself and those before it
};

/// Where a block normalises.
enum class NormPlacement {
  kPre,   ///< x + f(norm(x)), and a norm behind the last block
  kPost,  ///< norm(x + f(x)) (arXiv:1706.03762)
};
constexpr auto enum_names(NormPlacement) {
  return std::array{std::pair{"pre", NormPlacement::kPre}, std::pair{"post", NormPlacement::kPost}};
}

struct BlockOptions {
  AttentionOptions attention;
  MlpOptions mlp;
  NormOptions norm;
  NormPlacement norm_placement = NormPlacement::kPre;
  double dropout = 0;  // of what is added to the residual stream
};

/// Rotary positions (nn/positions.h), with the scaling of Llama 3 where factor > 1.
struct RotaryOptions {
  int64_t d_head = 0;               // D, even
  double theta = 10000;             // base of the wavelengths
  double factor = 1;                // long wavelengths times this
  double low_frequency = 1;         // below this many turns in original_context: scaled
  double high_frequency = 4;        // above: kept; between the two the factor grows smoothly
  int64_t original_context = 8192;  // tokens
};

/// What a cache of keys and values (nn/kv_cache.h) holds of one token.
struct CacheShape {
  int64_t n_layer = 0;
  int64_t n_kv_head = 0;  // G
  int64_t d_head = 0;     // D
};

}  // namespace gptkit
