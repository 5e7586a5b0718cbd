#pragma once
// The smallest models with everything that tells the families apart.

#include "models/family.h"

namespace gptkit::test {

/// GPT-2 with learned positions and biases, or Llama with grouped queries and a gate.
inline ModelConfig tiny_config(const std::string& family) {
  auto config = of_family(family, {.vocab_size = 50,
                                   .context_length = 16,
                                   .n_layer = 2,
                                   .n_head = 4,
                                   .n_kv_head = family == "llama" ? 2 : 0,
                                   .d_model = 16});
  if (family == "llama") {
    config.qkv_bias = config.proj_bias = config.mlp_bias = false;
    config.d_ff = 40;
  }
  return config;
}

/// The end of a parametrised test's name.
inline const char* family_name(const std::string& family) {
  return family == "llama" ? "Llama" : "Gpt2";
}

}  // namespace gptkit::test
