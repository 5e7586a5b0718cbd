// The kernels of kernels/decoding.h over 16 lanes, written once (lanes/). Each file that includes
// this one defines `Lanes` (16 float32), `Bytes` (64 bytes), `Sums` (16 int32) and their operations
// in its own anonymous namespace, and is compiled for one set of instructions:
// reference/decoding.cpp, x86/decoding_avx2.cpp, x86/decoding_avx512.cpp. No header with inline
// functions of the standard library belongs here: the linker could choose the copy that was
// compiled for AVX-512 for all.

#include "kernels/decoding.h"

namespace {

using namespace gptkit;  // NOLINT: a fragment of .cpp files, not a header

// Sums stay in registers only where their indices are known: loops over them are unrolled.
#define GPTKIT_UNROLL _Pragma("GCC unroll 8")

}  // namespace

#include "kernels/lanes/attention.h"
#include "kernels/lanes/matmul.h"
#include "kernels/lanes/rows.h"

namespace {

const DecodingKernels kKernels = {multiply, quantize_rows, normalize, gelu, swiglu,
                                  attend,   write_cache,   argmax,    kName};

}  // namespace
