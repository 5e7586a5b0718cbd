#pragma once
// Low-rank adapters (LoRA, arXiv:2106.09685): the weight W is frozen and two thin matrices are
// trained, y = x W^T + (alpha / R) (x A^T) B^T. B starts at zero, so a new adapter changes nothing.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gptkit {

/// The `lora:` section of the finetuners.
struct LoraConfig {
  int64_t rank = 0;
  double alpha = 16;
  double dropout = 0;
  int64_t last_blocks = 0;
  std::vector<std::string> targets = {};

  bool operator==(const LoraConfig&) const = default;
};

template <class Visitor>
void visit_fields(LoraConfig& c, Visitor&& visit) {
  visit("rank", c.rank, "columns of each adapter; 0: no adapters");
  visit("alpha", c.alpha, "the adapter's output is multiplied by alpha / rank");
  visit("dropout", c.dropout, "of the adapter's input, while finetuning");
  visit("last_blocks", c.last_blocks, "only in the last n blocks; 0: in all");
  visit("targets", c.targets,
        "of query, key, value, proj, gate (Llama), up, down, head; none: every one");
}

/// The adapter of some output rows: the parts of a fused query-key-value layer have one each.
struct LoraPart {
  int64_t begin = 0, count = 0;  ///< output rows [begin, begin + count)
  torch::Tensor a;               ///< (R,in)
  torch::Tensor b;               ///< (count,R)
  double scale = 1;              ///< alpha / R
};

/// The adapter of one Linear. Parameters a0, b0, a1, ... in the order of the parts.
class LoraImpl : public torch::nn::Module {
 public:
  /// A layer (out,in); the parts lie in it in ascending order without overlap.
  LoraImpl(int64_t out, std::vector<LoraPart> parts, double dropout = 0);

  /// x (...,in) -> the term added to the layer's output (...,out)
  torch::Tensor forward(const torch::Tensor& x) { return forward_rows(x, 0, out_); }
  /// The same for output rows [begin, begin + count) alone.
  torch::Tensor forward_rows(const torch::Tensor& x, int64_t begin, int64_t count);
  /// All parts as one pair of matrices: a (P,in) and b (out,P), so that forward(x) = (x a^T) b^T
  /// without dropout. P is a multiple of kMatmulStep, with zeros in the rest.
  std::pair<torch::Tensor, torch::Tensor> whole() const;
  bool drops_out() const { return dropout_ > 0 && is_training(); }

  /// (out,in) float32: what merging adds to the weight.
  torch::Tensor delta() const;

  const std::vector<LoraPart>& parts() const { return parts_; }

 private:
  int64_t out_;
  double dropout_;
  std::vector<LoraPart> parts_;
};
TORCH_MODULE(Lora);

/// A new part: A uniform(-1/sqrt(in), 1/sqrt(in)) as in Hugging Face's PEFT, B zero.
LoraPart fresh_lora_part(int64_t begin, int64_t count, const torch::Tensor& weight,
                         const LoraConfig& config);

}  // namespace gptkit
