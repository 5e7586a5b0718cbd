#pragma once
// The smallest models with everything that tells the families apart.

#include <cctype>
#include <string>

#include "models/family.h"

namespace gptkit::test {

/// GPT-2 with learned positions and biases; another family with grouped queries and, where it has
/// one, a gate.
inline ModelConfig tiny_config(const std::string& family) {
  auto config = of_family(
      family, {.vocab_size = 50, .context_length = 16, .n_layer = 2, .n_head = 4, .d_model = 16});
  if (family == "gpt2") return config;
  config.n_kv_head = 2;
  config.d_ff = 40;
  if (family == "llama") config.qkv_bias = config.proj_bias = config.mlp_bias = false;
  return config;
}

/// The end of a parametrised test's name.
inline std::string family_name(std::string family) {
  family[0] = static_cast<char>(std::toupper(family[0]));
  return family;
}

}  // namespace gptkit::test
