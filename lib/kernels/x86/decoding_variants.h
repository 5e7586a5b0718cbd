#pragma once
// The kernels of kernels/decoding.h for x86-64. No LibTorch: each is compiled for its instructions.

#include "kernels/decoding.h"

namespace gptkit::x86 {

const DecodingKernels& decoding_avx2();    ///< needs AVX2, FMA, F16C
const DecodingKernels& decoding_avx512();  ///< needs AVX-512 F, BW, DQ, VL and VNNI

}  // namespace gptkit::x86
