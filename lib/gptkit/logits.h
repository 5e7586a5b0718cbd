#pragma once
// The output of a language model for a sequence of tokens.

#include <cstdint>
#include <span>
#include <vector>

#include "gptkit/namespace.h"

namespace gptkit::api {

/// Logits (T,V), row-major float32: row t predicts token t + 1.
struct Logits {
  std::int64_t tokens = 0;      ///< T
  std::int64_t vocab_size = 0;  ///< V
  std::vector<float> values;    ///< T * V

  /// Row t (V); t is from 0 to tokens - 1.
  std::span<const float> row(std::int64_t t) const {
    return std::span(values).subspan(static_cast<std::size_t>(t * vocab_size),
                                     static_cast<std::size_t>(vocab_size));
  }
};

}  // namespace gptkit::api
