#pragma once
// Every operation of this folder in LibTorch's own functions: the mathematics that the headers
// state, what runs where the processor has no variant, and what each variant is tested against. Any
// dtype, float64 included, and any device; autograd differentiates all but the quantised products.

#include <torch/types.h>

#include <vector>

#include "kernels/cross_entropy.h"
#include "kernels/gpt2_block.h"
#include "kernels/rotary.h"
#include "tensors/quantized_tensor.h"

namespace gptkit::reference {

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight,
                     const torch::Tensor& bias);
torch::Tensor lora_linear(const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, const torch::Tensor& a,
                          const torch::Tensor& b);
torch::Tensor layer_norm(const torch::Tensor& x, const torch::Tensor& weight,
                         const torch::Tensor& bias, double epsilon);
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor gelu_tanh(const torch::Tensor& u);
torch::Tensor swiglu(const torch::Tensor& gate_up);
torch::Tensor rotate_heads(const torch::Tensor& qkv, HeadCounts heads, const torch::Tensor& cos,
                           const torch::Tensor& sin);
torch::Tensor packed_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H, bool causal);
torch::Tensor gpt2_block(const torch::Tensor& x, const std::vector<int64_t>& offsets,
                         const Gpt2BlockWeights& weights, int64_t n_head, double epsilon);
torch::Tensor embedding_lookup(const torch::Tensor& weight, const torch::Tensor& ids);

/// The loss from all logits at once; the mean where options.terms is 0.
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets,
                                   const CrossEntropyOptions& options = {});
/// The sum of a chunk's losses, float64, on its device; weight in the dtype of chunk.hidden.
torch::Tensor cross_entropy_chunk(const CrossEntropyChunk& chunk, const torch::Tensor& weight);

/// x float32 (N,I), W (O,I), on the CPU -> x W^T float32 (N,O), without a graph
torch::Tensor quantized_matmul(const torch::Tensor& x, const QuantizedTensor& weight);
/// dy float32 (N,O), W (O,I), on the CPU -> dy W float32 (N,I)
torch::Tensor quantized_matmul_backward(const torch::Tensor& dy, const QuantizedTensor& weight);

}  // namespace gptkit::reference
