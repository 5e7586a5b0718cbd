#pragma once
// Positions. Rotary (arXiv:2104.09864): queries and keys are turned by an angle that grows with
// their position, so that the dot product of a query and a key depends only on their distance.
// Element i of a head is paired with element i + D/2, as in Hugging Face's weights. Sinusoidal
// (arXiv:1706.03762): added to the embeddings.

#include <torch/types.h>

#include "nn/options.h"

namespace gptkit {

/// Cosine and sine of the angles of some positions.
struct Rotation {
  torch::Tensor cos, sin;  // (T,D/2)
};

/// x (...,T,D) turned by the rotation of its T positions.
torch::Tensor rotate(const torch::Tensor& x, const Rotation& rotation);

/// Radians from one position to the next, (D/2): theta^(-2i/D). With factor > 1 the low frequencies
/// are scaled as in Llama 3.1. Fails for an odd D.
torch::Tensor rotary_frequencies(const RotaryOptions& options);

/// positions int64 (T) -> float32 (T,C): the sines of position / 10000^(2i/C) in the first half,
/// the cosines in the second, as in Marian. Fails for an odd C.
torch::Tensor sinusoidal_positions(const torch::Tensor& positions, int64_t width);

/// The angles' cosines and sines, computed once for the positions so far.
class RotaryTable {
 public:
  explicit RotaryTable(const RotaryOptions& options);

  /// Positions past ... past + T - 1, on the device and in the dtype of `like`.
  Rotation at(int64_t past, int64_t T, const torch::Tensor& like);

 private:
  torch::Tensor frequencies_;  // (D/2) float32
  Rotation table_;             // (positions,D/2)
};

}  // namespace gptkit
