#pragma once
// The smallest models with everything that tells the families apart.

#include "nn/config.h"

namespace gptkit::test {

/// GPT-2 with learned positions and biases, or Llama with grouped queries and a gate.
inline ModelConfig tiny_config(Family family) {
  ModelConfig config{.family = family,
                     .vocab_size = 50,
                     .context_length = 16,
                     .n_layer = 2,
                     .n_head = 4,
                     .n_kv_head = family == Family::kLlama ? 2 : 0,
                     .d_model = 16};
  if (family == Family::kLlama) {
    config.qkv_bias = config.proj_bias = config.mlp_bias = false;
    config.d_ff = 40;
  }
  return config;
}

/// The end of a parametrised test's name.
inline const char* family_name(Family family) {
  return family == Family::kLlama ? "Llama" : "Gpt2";
}

}  // namespace gptkit::test
