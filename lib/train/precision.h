#pragma once
// In which numbers a training step is worked out.

#include <torch/types.h>

#include <array>
#include <utility>

namespace gptkit {

enum class Precision {
  kAuto,  ///< bfloat16 where the processor multiplies it in hardware, else float32
  kFloat32,
  kBFloat16,  ///< products in bfloat16; parameters, sums and the optimizer stay float32
  kFloat16,   ///< likewise with scaled losses; for CUDA devices without bfloat16
};
constexpr auto enum_names(Precision) {
  return std::array{std::pair{"auto", Precision::kAuto}, std::pair{"float32", Precision::kFloat32},
                    std::pair{"bfloat16", Precision::kBFloat16},
                    std::pair{"float16", Precision::kFloat16}};
}

/// kAuto made one of the others for a device.
Precision resolve_precision(Precision wanted, torch::Device device);

/// While it lives, LibTorch's autocast (https://docs.pytorch.org/docs/stable/amp.html) is on for
/// the device in this precision, or off for float32; what was before comes back after it. The
/// backward pass needs none: it follows the types of the forward pass.
class PrecisionScope {
 public:
  PrecisionScope(Precision wanted, torch::Device device);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  torch::DeviceType device_;
  bool was_on_;
  torch::ScalarType was_type_;
};

/// What a float16 loss is multiplied with, so that small gradients are not rounded to nothing: as
/// large as it goes, halved when a gradient overflows (that step is left out), doubled after 2,000
/// steps without (torch.amp.GradScaler, arXiv:1710.03740).
struct LossScale {
  double scale = 65536;
  int64_t steps_since = 0;  ///< steps since it changed
  int64_t skipped = 0;      ///< steps left out in the whole run

  /// Takes note of a step; whether its update may be done.
  bool update(bool finite);
  bool operator==(const LossScale&) const = default;
};

}  // namespace gptkit
