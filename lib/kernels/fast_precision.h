#pragma once
// The precision that is fastest on a device.

#include <torch/types.h>

#include "tensors/precision.h"

namespace gptkit {

/// Replaces kAuto: bfloat16 on CUDA and on processors with a hardware bfloat16 matrix
/// multiplication of ours, else float32. Returns every other precision unchanged.
Precision resolve_precision(Precision wanted, torch::Device device);

}  // namespace gptkit
