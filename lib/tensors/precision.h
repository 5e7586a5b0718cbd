#pragma once
// The dtype that matrix multiplications compute in: autocast for training and for inference.
// kernels/fast_precision.h chooses for kAuto.

#include <torch/types.h>

#include <array>
#include <utility>

namespace gptkit {

enum class Precision {
  kAuto,  ///< bfloat16 if the processor supports it in hardware, else float32
  kFloat32,
  kBFloat16,  ///< matrix multiplications in bfloat16; parameters, sums and the optimizer in float32
  kFloat16,   ///< float16 with loss scaling; for CUDA devices without bfloat16
};
constexpr auto enum_names(Precision) {
  return std::array{std::pair{"auto", Precision::kAuto}, std::pair{"float32", Precision::kFloat32},
                    std::pair{"bfloat16", Precision::kBFloat16},
                    std::pair{"float16", Precision::kFloat16}};
}

/// Turns LibTorch's autocast (https://docs.pytorch.org/docs/stable/amp.html) on for the device in
/// this precision, or off for float32, and restores the earlier state at the end. The backward pass
/// needs no scope: it uses the dtypes of the forward pass. `precision` is not kAuto.
class PrecisionScope {
 public:
  PrecisionScope(Precision precision, torch::Device device);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  torch::DeviceType device_;
  bool was_on_;
  torch::ScalarType was_type_;
};

}  // namespace gptkit
