#pragma once
// GGML's quantised blocks, to float32 and back. 32 or 256 neighbours of a row share their scales;
// q are the stored whole numbers, x the values. A float16 takes 2 bytes, everything is little
// endian, bytes in this order:
//
//   q4_0   18 bytes for  32:  d float16, 16 bytes of q          x = d (q - 8)
//   q4_1   20 bytes for  32:  d, m float16, 16 bytes of q       x = d q + m
//   q5_0   22 bytes for  32:  d float16, 4 of qh, 16 of q       x = d (q - 16)
//   q5_1   24 bytes for  32:  d, m float16, 4 of qh, 16 of q    x = d q + m
//   q8_0   34 bytes for  32:  d float16, 32 int8                x = d q
//   q4_k  144 bytes for 256:  d, dmin float16, 12 bytes of scales s and minima m, 128 of q
//                                                               x = (d s) q - (dmin m)
//   q6_k  210 bytes for 256:  128 of low bits, 64 of high bits, 16 int8 scales s, d float16
//                                                               x = (d s) (q - 32)
//
// q4 and q5: byte j has q of element j in its low half and of element j + 16 in its high half; bit
// j of qh (32 bits) is bit 4 of q of element j.
// q4_k: eight runs of 32, each with an s and an m of 6 bits. Byte j of run pair p (32 bytes) has
// element j of run 2p in its low half and of run 2p + 1 in its high half. Of the 12 bytes b, runs
// r < 4 have s in the low 6 bits of b[r] and m in those of b[r + 4]; later ones have the low 4 bits
// of s and m in the halves of b[r + 4], and the high 2 in the top bits of b[r - 4] and b[r].
// q6_k: two halves of 128 elements, each of four runs of 32: element j of runs 0, 1, 2, 3 has its
// low 4 bits in the low half of byte j, the low half of byte j + 32, the high half of byte j, the
// high half of byte j + 32 (of the half's 64), and its high 2 bits in bits 0-1, 2-3, 4-5, 6-7 of
// byte j (of the half's 32). Every 16 elements have a scale.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/dtype.h"

namespace gptkit {

/// Whole blocks to float32, bit for bit what GGML's reference gives. Fails for another dtype and
/// when `blocks` are not whole blocks or `values` are not as many as they hold. Blocks do not
/// depend on each other, so a tensor may be converted in pieces.
void dequantize(DType dtype, std::span<const std::byte> blocks, std::span<float> values);

/// Float32 to whole blocks of q8_0 or q4_0, bit for bit what GGML's reference gives (but for scales
/// below 2^-128, where that is undefined; these q all mean 0). Fails for another dtype, for sizes
/// that do not fit each other, and for values that are not finite or so large that their scale is
/// not (above 65504 * 127, or * 8), which GGML would store as garbage.
void quantize(DType dtype, std::span<const float> values, std::span<std::byte> blocks);

/// float16 (IEEE binary16) given as its bits.
float half_to_float(std::uint16_t half);
/// To the nearest, ties to even; too large is infinite, NaN is 0x7E00 with the sign.
std::uint16_t float_to_half(float value);

}  // namespace gptkit
