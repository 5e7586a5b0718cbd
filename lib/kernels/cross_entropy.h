#pragma once
// The output head and its cross entropy as one operation, a chunk of rows at a time: the (N,V)
// logits and their gradient, the largest tensors of a training step, never exist whole (the idea of
// arXiv:2410.10989 and arXiv:2411.09009).

#include <torch/types.h>

namespace gptkit {

struct CrossEntropyOptions {
  int64_t ignored = -100;   ///< a target that takes no part
  double terms = 0;         ///< the sum is divided by it; 0: by the number of targets that count
  int64_t chunk_bytes = 0;  ///< most memory for a chunk's logits; 0: 64 MB
};

/// hidden (N,C), weight (V,C), targets int64 (N) -> scalar: the sum of -log softmax(hidden
/// weight^T)[target] over the targets that count, divided by `terms`. With gradients on, theirs are
/// worked out in the same pass. In bfloat16 under autocast, with float32 sums; else in hidden's
/// type. NaN without a target that counts, as torch's. Fails for a target outside the vocabulary.
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets,
                                   const CrossEntropyOptions& options = {});

namespace cross_entropy_detail {

/// One chunk of rows, as the .cpp files of this folder share it.
struct Chunk {
  torch::Tensor hidden, targets;  // (R,C), (R)
  int64_t ignored;
  double scale;           // of the gradients: 1 / terms
  torch::Tensor dhidden;  // (R,C) to be written, or undefined
  torch::Tensor dweight;  // (V,C) float32 to be added to (written, when fresh), or undefined
  bool fresh;
};
/// hidden bfloat16, weight float32, contiguous, on the CPU; returns the chunk's sum of losses.
/// dhidden is float32. Where has_bfloat16_gemm().
double bfloat16_chunk(const Chunk& chunk, const torch::Tensor& weight);

}  // namespace cross_entropy_detail
}  // namespace gptkit
