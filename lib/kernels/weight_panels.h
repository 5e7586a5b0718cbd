#pragma once
// How weights lie in memory for decoding. Sixteen rows of a matrix are a panel: the elements of one
// column stand side by side, so that a vector of 16 lanes computes 16 outputs, each lane sums its
// own row from the first column to the last, and no sum over lanes is needed. A row's result is
// therefore the same, to the bit, for any number of inputs and threads.
//
//   float32   per column 16 elements
//   bfloat16  per two columns 16 pairs (two neighbours of a row in one 32-bit word)
//   float16   per column 16 elements
//   bytes     per four columns 16 times four bytes u; value = scale (u - 128) or scale u + minimum
//   nibbles   per 32 columns 4 times 64 bytes: byte j of vector v holds u of byte j of the vector v
//             (low half) and v + 4 (high half) that `bytes` would have; value = scale (u - 8) or
//             scale u + minimum
//
// Behind the elements of a panel stand the scales: per group of columns 16 float16, then the minima
// in the same form. No LibTorch here: kernels compile for one instruction set each.

#include <cstddef>
#include <cstdint>

namespace gptkit {

enum class PanelKind : uint8_t { kFloat32, kBFloat16, kFloat16, kBytes, kNibbles };

inline constexpr int64_t kLanes = 16;        // rows of a panel
inline constexpr int64_t kStepColumns = 32;  // columns are padded with zeros to whole steps

/// What kernels see of a matrix (O,I).
struct Panels {
  PanelKind kind = PanelKind::kFloat32;
  int group = 32;                   // columns that share a scale: 16, 32 or 64
  bool minima = false;              // value = scale u + minimum
  int64_t rows = 0;                 // O
  int64_t columns = 0;              // I
  int64_t padded = 0;               // columns in memory
  const std::byte* data = nullptr;  // aligned to 64 bytes
  size_t stride = 0;                // bytes from one panel to the next
  size_t scales = 0;                // where they begin in a panel
  size_t minimum = 0;               // likewise

  int64_t count() const { return (rows + kLanes - 1) / kLanes; }
  const std::byte* panel(int64_t i) const { return data + stride * static_cast<size_t>(i); }
  bool is_quantized() const { return kind == PanelKind::kBytes || kind == PanelKind::kNibbles; }
};

/// Inputs of a multiplication, N rows. Quantised weights take whole numbers: each run of 32
/// elements is scale * (q + fine / 254) with |q|, |fine| <= 127. Weights of 8 bits with groups of
/// 64, which lose little themselves, take both; the others take q alone.
struct InputRows {
  int64_t count = 0;                  // N
  const float* x = nullptr;           // (N, stride), zeros behind the columns
  int64_t stride = 0;                 // a multiple of kStepColumns
  const int8_t* q = nullptr;          // (N, stride)
  const float* scale = nullptr;       // (N, stride / 32)
  const int32_t* sum = nullptr;       // (N, stride / 16): of q, over 16 columns
  const int8_t* fine = nullptr;       // (N, stride)
  const int32_t* fine_sum = nullptr;  // (N, stride / 16): of fine
};

/// Outputs (N, stride): y = W x + bias, or added to what is there.
struct OutputRows {
  float* y = nullptr;
  int64_t stride = 0;           // at least the rows of the matrix rounded up to kLanes
  const float* bias = nullptr;  // (O), or null
  bool add = false;
};

}  // namespace gptkit
