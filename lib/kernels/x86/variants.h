#pragma once
// The x86-64 variants, for kernels/dispatch.cpp alone: all of them need AVX-512 BF16. Their
// matrix multiplications are oneDNN's inner loop, which uses AMX where the processor has it.

#include <vector>

#include "kernels/dispatch.h"

namespace gptkit::x86 {

/// The levels of this processor and of the oneDNN inside this LibTorch, lowest first.
std::vector<Isa> available_isas();

/// Enters the variants that `isa` has.
void add_variants(Isa isa, KernelTable& table);

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight,
                     const torch::Tensor& bias);
torch::Tensor lora_linear(const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias, const torch::Tensor& a,
                          const torch::Tensor& b);
torch::Tensor packed_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H, bool causal);
torch::Tensor rotate_heads(const torch::Tensor& qkv, HeadCounts heads, const torch::Tensor& cos,
                           const torch::Tensor& sin);
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);
torch::Tensor gelu_tanh(const torch::Tensor& u);
torch::Tensor swiglu(const torch::Tensor& gate_up);
torch::Tensor gpt2_block(const torch::Tensor& x, const std::vector<int64_t>& offsets,
                         const Gpt2BlockWeights& weights, int64_t n_head, double epsilon);
double cross_entropy(const CrossEntropyChunk& chunk, const torch::Tensor& weight);

}  // namespace gptkit::x86
