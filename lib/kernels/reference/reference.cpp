#include "kernels/reference/reference.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>

namespace gptkit::reference {

using torch::Tensor;

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return at::linear(x, weight, bias);
}

Tensor lora_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& a,
                   const Tensor& b) {
  return linear(x, weight, bias) + linear(linear(x, a, Tensor()), b, Tensor());
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  return at::layer_norm(x, weight.sizes(), weight, bias, epsilon);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  return at::rms_norm(x, weight.sizes(), weight, epsilon);
}

Tensor gelu_tanh(const Tensor& u) { return at::gelu(u, "tanh"); }

Tensor swiglu(const Tensor& gate_up) {
  const auto parts = gate_up.chunk(2, -1);
  return at::silu(parts[0]) * parts[1];
}

Tensor rotate_heads(const Tensor& qkv, HeadCounts heads, const Tensor& cos, const Tensor& sin) {
  const int64_t H = heads.query, G = heads.key_value, D = 2 * cos.size(1);
  const int64_t N = qkv.numel() / qkv.size(-1), R = cos.size(0);
  const auto of_rows = [&](const Tensor& table) { return table.repeat({N / R, 1}).unsqueeze(1); };
  const auto c = of_rows(cos), s = of_rows(sin);  // (N,1,D/2)
  const auto turned = [&](const Tensor& x) {      // (N,heads,D)
    const auto halves = x.chunk(2, -1);
    return at::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1)
        .to(x.scalar_type());
  };
  const auto shared = [&](const Tensor& x) { return x.repeat_interleave(H / G, 1); };
  const auto parts = qkv.reshape({N, H + 2 * G, D}).split_with_sizes({H, G, G}, 1);
  auto shape = qkv.sizes().vec();
  shape.back() = 3 * H * D;
  return at::cat({turned(parts[0]), shared(turned(parts[1])), shared(parts[2])}, 1).view(shape);
}

Tensor packed_attention(const Tensor& qkv, const std::vector<int64_t>& offsets, int64_t H,
                        bool causal) {
  const int64_t C = qkv.size(-1) / 3;
  const auto rows = qkv.reshape({-1, 3, H, C / H}).permute({1, 2, 0, 3});  // (3,H,N,D)
  std::vector<Tensor> outputs;
  for (size_t b = 0; b + 1 < offsets.size(); ++b) {
    const auto own = rows.slice(2, offsets[b], offsets[b + 1]).unsqueeze(1);  // (3,1,H,T,D)
    const auto y = at::scaled_dot_product_attention(own[0], own[1], own[2], {}, 0, causal);
    outputs.push_back(y[0].transpose(0, 1).flatten(1));  // (T,C)
  }
  auto shape = qkv.sizes().vec();
  shape.back() = C;
  return at::cat(outputs).view(shape);
}

Tensor gpt2_block(const Tensor& x, const std::vector<int64_t>& offsets, const Gpt2BlockWeights& w,
                  int64_t n_head, double epsilon) {
  const auto qkv =
      linear(layer_norm(x, w.norm1_weight, w.norm1_bias, epsilon), w.qkv_weight, w.qkv_bias);
  const auto h = x + linear(packed_attention(qkv, offsets, n_head, /*causal=*/true), w.proj_weight,
                            w.proj_bias);
  const auto u =
      linear(layer_norm(h, w.norm2_weight, w.norm2_bias, epsilon), w.up_weight, w.up_bias);
  return h + linear(gelu_tanh(u), w.down_weight, w.down_bias);
}

Tensor embedding_lookup(const Tensor& weight, const Tensor& ids) {
  return at::embedding(weight, ids);
}

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  const auto logits = linear(hidden, weight, Tensor());
  const bool mean = options.terms == 0;
  const auto loss = at::cross_entropy_loss(
      logits, targets, {}, mean ? at::Reduction::Mean : at::Reduction::Sum, options.ignored);
  return mean ? loss : loss / options.terms;
}

}  // namespace gptkit::reference
