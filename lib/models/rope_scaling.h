#pragma once
// Linear scaling of rotary positions (arXiv:2306.15595) as a special case of Llama 3's scaling,
// whose fields the config has: all frequencies are scaled.

#include "models/config.h"

namespace gptkit {

/// Sets the fields so that every frequency is divided by rope_factor.
inline void set_linear_scaling(ModelConfig& config) {
  constexpr double kNoneIsKept = 1e9;  // more turns than any context has
  config.rope_low_frequency = kNoneIsKept;
  config.rope_high_frequency = 2 * kNoneIsKept;
}

inline bool has_linear_scaling(const ModelConfig& config) {
  auto linear = config;
  set_linear_scaling(linear);
  return config.rope_factor != 1 && config.rope_low_frequency == linear.rope_low_frequency;
}

}  // namespace gptkit
