#pragma once
// The types of GGUF's metadata and tensors, for the reader and the writer.

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "formats/gguf.h"

namespace gptkit::gguf_detail {

/// Calls visit(std::type_identity<T>()) with the C++ type of a metadata type; fails, beginning
/// with `what`, for an array and for what is none.
template <class Visit>
auto visit_type(GgufType type, std::string_view what, Visit&& visit) {
  switch (type) {
    case GgufType::kUInt8:
      return visit(std::type_identity<std::uint8_t>());
    case GgufType::kInt8:
      return visit(std::type_identity<std::int8_t>());
    case GgufType::kUInt16:
      return visit(std::type_identity<std::uint16_t>());
    case GgufType::kInt16:
      return visit(std::type_identity<std::int16_t>());
    case GgufType::kUInt32:
      return visit(std::type_identity<std::uint32_t>());
    case GgufType::kInt32:
      return visit(std::type_identity<std::int32_t>());
    case GgufType::kFloat32:
      return visit(std::type_identity<float>());
    case GgufType::kBool:
      return visit(std::type_identity<bool>());
    case GgufType::kString:
      return visit(std::type_identity<std::string>());
    case GgufType::kUInt64:
      return visit(std::type_identity<std::uint64_t>());
    case GgufType::kInt64:
      return visit(std::type_identity<std::int64_t>());
    case GgufType::kFloat64:
      return visit(std::type_identity<double>());
    case GgufType::kArray:
      fail(what, " is an array of arrays, which is not supported");
  }
  fail(what, " has the type ", static_cast<std::uint32_t>(type), "; expected 0 to 12");
}

template <class T>
constexpr GgufType type_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return GgufType::kUInt8;
  if constexpr (std::is_same_v<T, std::int8_t>) return GgufType::kInt8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return GgufType::kUInt16;
  if constexpr (std::is_same_v<T, std::int16_t>) return GgufType::kInt16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return GgufType::kUInt32;
  if constexpr (std::is_same_v<T, std::int32_t>) return GgufType::kInt32;
  if constexpr (std::is_same_v<T, float>) return GgufType::kFloat32;
  if constexpr (std::is_same_v<T, bool>) return GgufType::kBool;
  if constexpr (std::is_same_v<T, std::string>) return GgufType::kString;
  if constexpr (std::is_same_v<T, std::uint64_t>) return GgufType::kUInt64;
  if constexpr (std::is_same_v<T, std::int64_t>) return GgufType::kInt64;
  if constexpr (std::is_same_v<T, double>) return GgufType::kFloat64;
}

/// A number as it lies in the file; `at` need not be aligned.
template <class T>
T load(const char* at) {
  static_assert(std::is_arithmetic_v<T>);
  if constexpr (std::is_same_v<T, bool>) {
    return *at != 0;
  } else {
    T value{};
    std::memcpy(&value, at, sizeof value);
    return value;
  }
}

/// A type of tensors: GGML's number and name, and ours when it is supported.
struct TensorType {
  std::uint32_t id;
  std::string_view name;
  std::optional<DType> dtype = {};
};

inline constexpr std::array<TensorType, 43> kTensorTypes = {{
    {0, "F32", DType::kFloat32},
    {1, "F16", DType::kFloat16},
    {2, "Q4_0", DType::kQ4_0},
    {3, "Q4_1", DType::kQ4_1},
    {4, "Q4_2"},
    {5, "Q4_3"},
    {6, "Q5_0", DType::kQ5_0},
    {7, "Q5_1", DType::kQ5_1},
    {8, "Q8_0", DType::kQ8_0},
    {9, "Q8_1"},
    {10, "Q2_K"},
    {11, "Q3_K"},
    {12, "Q4_K", DType::kQ4_K},
    {13, "Q5_K"},
    {14, "Q6_K", DType::kQ6_K},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {20, "IQ4_NL"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {23, "IQ4_XS"},
    {24, "I8", DType::kInt8},
    {25, "I16", DType::kInt16},
    {26, "I32", DType::kInt32},
    {27, "I64", DType::kInt64},
    {28, "F64", DType::kFloat64},
    {29, "IQ1_M"},
    {30, "BF16", DType::kBFloat16},
    {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"},
    {33, "Q4_0_8_8"},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {36, "IQ4_NL_4_4"},
    {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"},
    {39, "MXFP4"},
    {40, "NVFP4"},
    {41, "Q1_0"},
    {42, "Q2_0"},
}};

/// "F32, F16, ...".
inline std::string supported_tensor_types() {
  std::vector<std::string_view> names;
  for (const auto& type : kTensorTypes) {
    if (type.dtype) names.push_back(type.name);
  }
  return join(names);
}

}  // namespace gptkit::gguf_detail
