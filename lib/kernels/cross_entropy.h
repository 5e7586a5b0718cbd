#pragma once
// The output head and its cross entropy as one operation: the sum of -log softmax(hidden_n
// weight^T)[target_n] over the targets that count, divided by their number. It goes a chunk of rows
// at a time: the (N,V) logits and their gradient, the largest tensors of a training step, never
// exist whole (the idea of arXiv:2410.10989 and arXiv:2411.09009).
//
// Shapes     hidden (N,C), weight (V,C), targets int64 (N) -> scalar float32
// dtypes     under autocast its dtype, with float32 sums; else hidden's. Variants take bfloat16
//            autocast on the CPU with a float32 weight and C a multiple of kMatmulStep.
// tolerance  float32: 1e-6 of the loss, 1e-5 of the gradients; bfloat16: 2e-3 of the loss, 3/256 of
//            the largest gradient
// gradient   worked out in the forward pass; that of a weight that is a leaf is added to .grad

#include <torch/types.h>

namespace gptkit {

struct CrossEntropyOptions {
  int64_t ignored = -100;   ///< a target that takes no part
  double terms = 0;         ///< the sum is divided by it; 0: by the number of targets that count
  int64_t chunk_bytes = 0;  ///< most memory for a chunk's logits; 0: 64 MB
};

/// NaN without a target that counts, as LibTorch's. Fails for a target outside the vocabulary.
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets,
                                   const CrossEntropyOptions& options = {});

/// Some rows of linear_cross_entropy, as the variants and the reference take them.
struct CrossEntropyChunk {
  torch::Tensor hidden, targets;  // (R,C), (R)
  int64_t ignored;
  double scale;           // of the gradients: 1 / terms
  torch::Tensor dhidden;  // (R,C) to be written, or undefined
  torch::Tensor dweight;  // (V,C) to be added to (written, when fresh), or undefined
  bool fresh;
};

}  // namespace gptkit
