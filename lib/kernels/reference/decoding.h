#pragma once
// The portable kernels of kernels/decoding.h.

#include "kernels/decoding.h"

namespace gptkit::reference {
const DecodingKernels& decoding();
}  // namespace gptkit::reference
