#include "kernels/fast_precision.h"

#include "kernels/bfloat16_gemm.h"

namespace gptkit {

Precision resolve_precision(Precision wanted, torch::Device device) {
  if (wanted != Precision::kAuto) return wanted;
  const bool fast = device.is_cuda() || has_bfloat16_gemm();
  return fast ? Precision::kBFloat16 : Precision::kFloat32;
}

}  // namespace gptkit
