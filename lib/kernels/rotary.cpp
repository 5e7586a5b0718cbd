#include "kernels/rotary.h"

#include "kernels/dispatch.h"
#include "kernels/reference/reference.h"

namespace gptkit {

torch::Tensor rotate_heads(const torch::Tensor& qkv, HeadCounts heads, const torch::Tensor& cos,
                           const torch::Tensor& sin) {
  const auto& variant = kernels().rotate_heads;
  const bool fits = qkv.is_cpu() && qkv.scalar_type() == torch::kBFloat16 &&
                    cos.scalar_type() == torch::kFloat32 && sin.scalar_type() == torch::kFloat32;
  return variant && fits ? variant.run(qkv, heads, cos, sin)
                         : reference::rotate_heads(qkv, heads, cos, sin);
}

}  // namespace gptkit
