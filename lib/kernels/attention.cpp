#include "kernels/attention.h"

#include "kernels/dispatch.h"
#include "kernels/reference/reference.h"

namespace gptkit {

bool fits_packed_attention(const torch::Tensor& qkv, int64_t head_dim) {
  constexpr int64_t kLargestHead = 512;  // what a thread keeps of a tile still fits its cache
  return kernels().packed_attention && qkv.is_cpu() && qkv.scalar_type() == torch::kBFloat16 &&
         head_dim >= 1 && head_dim <= kLargestHead;
}

torch::Tensor packed_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H, bool causal) {
  return fits_packed_attention(qkv, qkv.size(-1) / 3 / H)
             ? kernels().packed_attention.run(qkv, offsets, H, causal)
             : reference::packed_attention(qkv, offsets, H, causal);
}

std::vector<int64_t> even_offsets(int64_t B, int64_t T) {
  std::vector<int64_t> offsets;
  for (int64_t b = 0; b <= B; ++b) offsets.push_back(b * T);
  return offsets;
}

}  // namespace gptkit
