// GPT-2 (Radford et al. 2019): layer norm, learned positions, GELU, biases everywhere.

#include <array>

#include "base/error.h"
#include "models/families/families.h"

namespace gptkit {

namespace {

constexpr std::array<std::string_view, 7> kFixed = {
    "norm", "norm_placement", "positions", "mlp", "attention", "proj_bias", "mlp_bias"};

void check(const ModelConfig& c, const std::string& where) {
  require(c.kv_heads() == c.n_head && c.head_dim() * c.n_head == c.d_model, where,
          " n_kv_head and d_head are for family llama; leave them 0 in family gpt2");
}

const std::array<Preset, 4> kPresets = {
    {{"gpt2", {}},
     {"gpt2-medium", {.n_layer = 24, .n_head = 16, .d_model = 1024}},
     {"gpt2-large", {.n_layer = 36, .n_head = 20, .d_model = 1280}},
     {"gpt2-xl", {.n_layer = 48, .n_head = 25, .d_model = 1600}}}};

}  // namespace

const Family& gpt2_family() {
  static const Family kFamily = {
      .name = "gpt2", .choices = {}, .fixed = kFixed, .check = check, .presets = kPresets};
  return kFamily;
}

}  // namespace gptkit
