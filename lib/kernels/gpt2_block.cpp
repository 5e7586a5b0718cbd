#include "kernels/gpt2_block.h"

#include "kernels/dispatch.h"
#include "kernels/matmul.h"
#include "kernels/reference/reference.h"

namespace gptkit {

using torch::Tensor;

bool fits_gpt2_block(const Tensor& x, const Gpt2BlockWeights& w, int64_t n_head) {
  constexpr int64_t kLargestHead = 512;     // as in kernels/attention.cpp
  const auto plain = [](const Tensor& t) {  // a quantised weight is undefined
    return t.defined() && t.is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous();
  };
  const int64_t C = x.size(-1);
  return kernels().gpt2_block && plain(w.norm1_bias) && plain(w.qkv_weight) &&
         plain(w.proj_weight) && plain(w.up_weight) && plain(w.down_weight) && x.is_cpu() &&
         x.scalar_type() == torch::kFloat32 && C % n_head == 0 && C / n_head <= kLargestHead &&
         C % kMatmulStep == 0 && w.up_weight.size(0) % kMatmulStep == 0;
}

Tensor gpt2_block(const Tensor& x, const std::vector<int64_t>& offsets, const Gpt2BlockWeights& w,
                  int64_t n_head, double epsilon) {
  return fits_gpt2_block(x, w, n_head) ? kernels().gpt2_block.run(x, offsets, w, n_head, epsilon)
                                       : reference::gpt2_block(x, offsets, w, n_head, epsilon);
}

}  // namespace gptkit
