#pragma once
// A batch's integers as tensors.

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "data/batch.h"
#include "nn/packing.h"

namespace gptkit {

/// int64, of this shape and on this device.
torch::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        torch::Device device);

/// Values (B,T) of a batch, padding removed -> (N), on the device of the packing.
torch::Tensor packed(const std::vector<int64_t>& values, const Batch& batch,
                     const Packing& packing);

}  // namespace gptkit
