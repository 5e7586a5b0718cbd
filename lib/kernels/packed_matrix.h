#pragma once
// Weights in the form that decoding multiplies with (kernels/weight_panels.h), made once when a
// model is opened. The values are those of the source, except where a format is asked for that has
// fewer bits.

#include <torch/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/dtype.h"
#include "kernels/weight_panels.h"
#include "tensors/quantized_tensor.h"

namespace gptkit {

/// How a model's matrices are kept for decoding.
enum class WeightFormat {
  kStored,    ///< as the model's files have them
  kFloat32,   ///< 4 bytes an element
  kBFloat16,  ///< 2 bytes
  kInt8,      ///< 8 bits, one float16 scale per 64 elements of a row: 1.03 bytes
  kInt4,  ///< 4 bits, one float16 scale per 64 elements: 0.53 bytes; in int8 stay the embedding,
          ///< the head, values and the last block (models/decoding_model.h)
};
constexpr auto enum_names(WeightFormat) {
  return std::array{std::pair{"stored", WeightFormat::kStored},
                    std::pair{"float32", WeightFormat::kFloat32},
                    std::pair{"bfloat16", WeightFormat::kBFloat16},
                    std::pair{"int8", WeightFormat::kInt8}, std::pair{"int4", WeightFormat::kInt4}};
}

/// The format of matrices that suffer most from few bits.
constexpr WeightFormat sensitive(WeightFormat format) {
  return format == WeightFormat::kInt4 ? WeightFormat::kInt8 : format;
}

/// An immutable matrix (O,I); copies share the memory.
class PackedMatrix {
 public:
  PackedMatrix() = default;

  /// From a matrix in float32, bfloat16 or float16 on the CPU. int8 and int4 need rows of whole
  /// groups of 64; a matrix with other rows stays in bfloat16. Fails for values that are not
  /// finite; messages begin with `where`, which names the file and the tensor.
  static PackedMatrix from(const torch::Tensor& matrix, WeightFormat format,
                           const std::string& where = {});
  /// From GGML's blocks: the same values, but that the scales of q4_k and q6_k, which are products,
  /// are rounded to float16. q5_0, q5_1 and q6_k take 8 bits an element here.
  static PackedMatrix from(const QuantizedTensor& matrix, const std::string& where = {});

  const Panels& panels() const { return panels_; }
  int64_t rows() const { return panels_.rows; }
  int64_t columns() const { return panels_.columns; }
  bool empty() const { return panels_.rows == 0; }
  int64_t bytes() const { return static_cast<int64_t>(panels_.stride) * panels_.count(); }
  /// "int8" ... for messages.
  std::string_view format() const { return format_; }

  /// Decodes one row into columns() floats: an embedding's vector.
  void row(int64_t index, float* values) const;

 private:
  PackedMatrix(Panels panels, std::string_view format);

  Panels panels_;
  std::string_view format_ = "empty";
  std::shared_ptr<std::byte> memory_;
};

}  // namespace gptkit
