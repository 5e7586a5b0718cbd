#pragma once
// Devices and threads.

#include <torch/types.h>

#include <string>

namespace gptkit {

/// "auto" (CUDA if there is a GPU, else the CPU), "cpu", "cuda" or "cuda:N"; fails for a device
/// that this machine or this build of LibTorch does not have.
torch::Device resolve_device(const std::string& name);

/// Sets LibTorch's thread count: `threads`, or the physical cores when it is 0.
void set_threads(int threads);

}  // namespace gptkit
