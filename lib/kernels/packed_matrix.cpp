#include "kernels/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "base/quantization.h"
#include "kernels/row_codes.h"

namespace gptkit {

namespace {

constexpr size_t kAlignment = 64;

size_t rounded_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

size_t element_bytes(const Panels& p) {
  const auto elements = static_cast<size_t>(p.padded * kLanes);
  switch (p.kind) {
    case PanelKind::kFloat32:
      return elements * 4;
    case PanelKind::kBFloat16:
    case PanelKind::kFloat16:
      return elements * 2;
    case PanelKind::kBytes:
      return elements;
    case PanelKind::kNibbles:
      return elements / 2;
  }
  return 0;
}

Panels layout(PanelKind kind, int64_t rows, int64_t columns, int group = 32, bool minima = false) {
  Panels p;
  p.kind = kind;
  p.group = group;
  p.minima = minima;
  p.rows = rows;
  p.columns = columns;
  p.padded = static_cast<int64_t>(
      rounded_up(static_cast<size_t>(columns), static_cast<size_t>(std::max(group, 32))));
  const size_t scales =
      p.is_quantized() ? static_cast<size_t>(p.padded / group * kLanes) * sizeof(uint16_t) : 0;
  p.scales = element_bytes(p);
  p.minimum = p.scales + scales;
  p.stride = rounded_up(p.minimum + (minima ? scales : 0), kAlignment);
  return p;
}

/// Where byte `u` of a column stands in a panel of bytes.
size_t byte_at(int64_t column, int64_t lane) {
  return static_cast<size_t>(column / 4 * 4 * kLanes + lane * 4 + column % 4);
}

/// The same for nibbles: the byte, and whether it is its high half.
std::pair<size_t, bool> nibble_at(int64_t column, int64_t lane) {
  const int64_t step = column / 32, inside = column % 32;
  return {static_cast<size_t>(step) * 256 + byte_at(inside % 16, lane), inside >= 16};
}

template <class Word>
void store_words(const Panels& p, std::byte* panel, int64_t lane, const Word* values) {
  auto* words = reinterpret_cast<Word*>(panel);
  const bool pairs = p.kind == PanelKind::kBFloat16;
  for (int64_t k = 0; k < p.columns; ++k) {
    words[pairs ? k / 2 * 2 * kLanes + lane * 2 + k % 2 : k * kLanes + lane] = values[k];
  }
}

void store_codes(const Panels& p, std::byte* panel, int64_t lane, const RowCodes& codes) {
  auto* bytes = reinterpret_cast<uint8_t*>(panel);
  for (int64_t k = 0; k < p.columns; ++k) {
    const auto code = codes.u[static_cast<size_t>(k)];
    if (p.kind == PanelKind::kBytes) {
      bytes[byte_at(k, lane)] = code;
    } else {
      const auto [at, high] = nibble_at(k, lane);
      bytes[at] = static_cast<uint8_t>(bytes[at] | (high ? code << 4 : code));
    }
  }
  const auto store_halves = [&](size_t begin, const std::vector<uint16_t>& halves) {
    auto* to = reinterpret_cast<uint16_t*>(panel + begin);
    for (size_t g = 0; g < halves.size(); ++g)
      to[g * kLanes + static_cast<size_t>(lane)] = halves[g];
  };
  store_halves(p.scales, codes.scale);
  if (p.minima) store_halves(p.minimum, codes.minimum);
}

/// Bytes of neighbours of a row as they lie in a source tensor.
template <class Word>
const Word* row_of(const torch::Tensor& matrix, int64_t row) {
  return static_cast<const Word*>(matrix.const_data_ptr()) + row * matrix.size(1);
}

float from_bfloat16(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }

uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// Row `row` in float32; the buffer holds it unless the tensor does.
std::span<const float> floats_of(const torch::Tensor& matrix, int64_t row,
                                 std::vector<float>& buffer) {
  const auto n = static_cast<size_t>(matrix.size(1));
  if (matrix.scalar_type() == torch::kFloat32) return {row_of<float>(matrix, row), n};
  buffer.resize(n);
  const auto* halves = row_of<uint16_t>(matrix, row);
  const auto widen = matrix.scalar_type() == torch::kBFloat16 ? from_bfloat16 : half_to_float;
  std::transform(halves, halves + n, buffer.begin(), widen);
  return buffer;
}

void require_finite(std::span<const float> row, const std::string& where) {
  const bool finite =
      std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); });
  require(finite, where, " holds NaN or infinity; the file is damaged or the training diverged");
}

/// A source of rows for one format.
struct Filler {
  Panels panels;
  std::string_view format;
  /// Writes row `row` as lane `lane` of the zeroed panel.
  std::function<void(int64_t row, int64_t lane, std::byte* panel)> fill;
};

Filler float_filler(const torch::Tensor& matrix, PanelKind kind, const std::string& where) {
  const auto panels = layout(kind, matrix.size(0), matrix.size(1));
  const auto type = matrix.scalar_type();
  if (kind == PanelKind::kFloat32) {
    return {panels, "float32", [=](int64_t row, int64_t lane, std::byte* panel) {
              std::vector<float> buffer;
              const auto values = floats_of(matrix, row, buffer);
              require_finite(values, where);
              store_words(panels, panel, lane, values.data());
            }};
  }
  const bool as_is = kind == PanelKind::kFloat16 || type == torch::kBFloat16;
  return {panels, kind == PanelKind::kFloat16 ? "float16" : "bfloat16",
          [=](int64_t row, int64_t lane, std::byte* panel) {
            std::vector<float> buffer;
            const auto values = floats_of(matrix, row, buffer);
            require_finite(values, where);
            if (as_is) return store_words(panels, panel, lane, row_of<uint16_t>(matrix, row));
            std::vector<uint16_t> halves(values.size());
            std::transform(values.begin(), values.end(), halves.begin(), to_bfloat16);
            store_words(panels, panel, lane, halves.data());
          }};
}

Filler integer_filler(const torch::Tensor& matrix, bool eight, const std::string& where) {
  const auto panels = layout(eight ? PanelKind::kBytes : PanelKind::kNibbles, matrix.size(0),
                             matrix.size(1), kIntegerGroup);
  return {panels, eight ? "int8" : "int4", [=](int64_t row, int64_t lane, std::byte* panel) {
            std::vector<float> buffer;
            RowCodes codes;
            const auto values = floats_of(matrix, row, buffer);
            require_finite(values, where);
            eight ? quantize_int8(values, codes) : quantize_int4(values, codes);
            require(codes.finite(), where, " holds values too large for int8 and int4");
            store_codes(panels, panel, lane, codes);
          }};
}

Filler block_filler(const QuantizedTensor& matrix, const std::string& where) {
  const auto kind = code_kind(matrix.dtype());
  const auto panels = layout(kind.nibbles ? PanelKind::kNibbles : PanelKind::kBytes, matrix.rows(),
                             matrix.columns(), kind.group, kind.minima);
  return {panels, name(matrix.dtype()), [=](int64_t row, int64_t lane, std::byte* panel) {
            RowCodes codes;
            decode_codes(matrix.dtype(), matrix.slice(row, 1).bytes(), codes);
            require(codes.finite(), where,
                    " holds NaN or infinity; the file is damaged or the training diverged");
            store_codes(panels, panel, lane, codes);
          }};
}

Filler filler_for(const torch::Tensor& matrix, WeightFormat format, const std::string& where) {
  const bool groups = matrix.size(1) % kIntegerGroup == 0;
  if (format == WeightFormat::kInt8 && groups) return integer_filler(matrix, true, where);
  if (format == WeightFormat::kInt4 && groups) return integer_filler(matrix, false, where);
  const auto type = matrix.scalar_type();
  if (format == WeightFormat::kFloat32) return float_filler(matrix, PanelKind::kFloat32, where);
  if (format != WeightFormat::kStored) return float_filler(matrix, PanelKind::kBFloat16, where);
  if (type == torch::kBFloat16) return float_filler(matrix, PanelKind::kBFloat16, where);
  return float_filler(matrix, type == torch::kFloat16 ? PanelKind::kFloat16 : PanelKind::kFloat32,
                      where);
}

void fill(const Filler& filler, std::byte* memory) {
  const auto& p = filler.panels;
  constexpr int64_t kAtOnce = 16;  // panels a thread takes
  const auto pieces = static_cast<size_t>((p.count() + kAtOnce - 1) / kAtOnce);
  parallel_for(pieces, physical_cores(), [&](size_t piece) {
    const auto begin = static_cast<int64_t>(piece) * kAtOnce;
    for (int64_t i = begin; i < std::min(p.count(), begin + kAtOnce); ++i) {
      std::byte* panel = memory + p.stride * static_cast<size_t>(i);
      std::memset(panel, 0, p.stride);
      for (int64_t lane = 0; lane < std::min(kLanes, p.rows - i * kLanes); ++lane) {
        filler.fill(i * kLanes + lane, lane, panel);
      }
    }
  });
}

}  // namespace

PackedMatrix::PackedMatrix(Panels panels, std::string_view format)
    : panels_(panels), format_(format) {
  const auto size =
      std::max<size_t>(kAlignment, panels.stride * static_cast<size_t>(panels.count()));
  auto* raw = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
  if (!raw) throw std::bad_alloc();
  memory_.reset(raw, [](std::byte* at) { std::free(at); });
  panels_.data = raw;
}

PackedMatrix PackedMatrix::from(const torch::Tensor& matrix, WeightFormat format,
                                const std::string& where) {
  require(matrix.dim() == 2 && matrix.is_cpu(), "only matrices on the CPU are packed, found ",
          matrix.sizes());
  const auto type = matrix.scalar_type();
  const bool known = type == torch::kFloat32 || type == torch::kBFloat16 || type == torch::kFloat16;
  const auto rows = (known ? matrix.detach() : matrix.detach().to(torch::kFloat32)).contiguous();
  const auto filler = filler_for(rows, format, where);
  PackedMatrix result(filler.panels, filler.format);
  fill(filler, result.memory_.get());
  return result;
}

PackedMatrix PackedMatrix::from(const QuantizedTensor& matrix, const std::string& where) {
  const auto filler = block_filler(matrix, where);
  PackedMatrix result(filler.panels, filler.format);
  fill(filler, result.memory_.get());
  return result;
}

void PackedMatrix::row(int64_t index, float* values) const {
  const auto& p = panels_;
  const std::byte* panel = p.panel(index / kLanes);
  const int64_t lane = index % kLanes;
  const auto* bytes = reinterpret_cast<const uint8_t*>(panel);
  const auto* halves = reinterpret_cast<const uint16_t*>(panel);
  for (int64_t k = 0; k < p.columns; ++k) {
    switch (p.kind) {
      case PanelKind::kFloat32:
        values[k] = reinterpret_cast<const float*>(panel)[k * kLanes + lane];
        continue;
      case PanelKind::kBFloat16:
        values[k] = from_bfloat16(halves[k / 2 * 2 * kLanes + lane * 2 + k % 2]);
        continue;
      case PanelKind::kFloat16:
        values[k] = half_to_float(halves[k * kLanes + lane]);
        continue;
      case PanelKind::kBytes:
      case PanelKind::kNibbles:
        break;
    }
    const auto half_of = [&](size_t begin) {
      return half_to_float(
          reinterpret_cast<const uint16_t*>(panel + begin)[k / p.group * kLanes + lane]);
    };
    int u = 0;
    if (p.kind == PanelKind::kBytes) {
      u = bytes[byte_at(k, lane)];
    } else {
      const auto [at, high] = nibble_at(k, lane);
      u = high ? bytes[at] >> 4 : bytes[at] & 15;
    }
    const int zero = p.minima ? 0 : p.kind == PanelKind::kBytes ? 128 : 8;
    values[k] = half_of(p.scales) * static_cast<float>(u - zero);
    if (p.minima) values[k] += half_of(p.minimum);
  }
}

}  // namespace gptkit
