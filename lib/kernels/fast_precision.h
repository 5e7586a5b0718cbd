#pragma once
// The precision that is fastest on a device.

#include <torch/types.h>

#include "tensors/precision.h"

namespace gptkit {

/// Replaces kAuto: bfloat16 on CUDA and on processors whose kernel table multiplies bfloat16 in
/// hardware, else float32. Returns every other precision unchanged; warns once when bfloat16 is
/// asked for on a processor that only emulates it.
Precision resolve_precision(Precision wanted, torch::Device device);

}  // namespace gptkit
