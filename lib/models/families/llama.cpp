// Llama (arXiv:2302.13971) and models of its shape: RMS norm, rotary positions, SwiGLU.

#include <array>

#include "base/error.h"
#include "models/families/families.h"

namespace gptkit {

namespace {

constexpr std::array<std::string_view, 5> kFixed = {"norm", "norm_placement", "positions", "mlp",
                                                    "attention"};

void check(const ModelConfig&, const std::string&) {}

ModelConfig choices() {
  return {.family = "llama",
          .norm = NormKind::kRms,
          .positions = PositionKind::kRotary,
          .mlp = MlpKind::kSwiglu};
}

/// SmolLM2 (arXiv:2502.02737).
ModelConfig smollm2(int64_t n_layer, int64_t n_head, int64_t n_kv_head, int64_t d_model,
                    int64_t d_ff) {
  auto c = choices();
  c.vocab_size = 49152;
  c.context_length = 8192;
  c.n_layer = n_layer;
  c.n_head = n_head;
  c.n_kv_head = n_kv_head;
  c.d_model = d_model;
  c.d_ff = d_ff;
  c.qkv_bias = c.proj_bias = c.mlp_bias = false;
  c.rope_theta = d_model == 2048 ? 130000 : 100000;
  return c;
}

}  // namespace

const Family& llama_family() {
  static const std::array<Preset, 3> kPresets = {
      {{"smollm2-135m", smollm2(30, 9, 3, 576, 1536)},
       {"smollm2-360m", smollm2(32, 15, 5, 960, 2560)},
       {"smollm2-1.7b", smollm2(24, 32, 32, 2048, 8192)}}};
  static const Family kFamily = {.name = "llama",
                                 .choices = choices(),
                                 .fixed = kFixed,
                                 .check = check,
                                 .presets = kPresets};
  return kFamily;
}

}  // namespace gptkit
