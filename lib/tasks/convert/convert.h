#pragma once
// The convert program: writes a model in another format, and shows what a file contains.

#include <filesystem>
#include <string>

#include "base/config/config.h"
#include "base/json.h"

namespace gptkit {

enum class ConvertTo { kAuto, kHuggingFace, kGguf, kLlmc };
constexpr auto enum_names(ConvertTo) {
  return std::array{std::pair{"auto", ConvertTo::kAuto}, std::pair{"hf", ConvertTo::kHuggingFace},
                    std::pair{"gguf", ConvertTo::kGguf}, std::pair{"llmc", ConvertTo::kLlmc}};
}

enum class StoredAs { kSame, kFloat32, kFloat16, kBFloat16, kQ8_0, kQ4_0, kInt8 };
constexpr auto enum_names(StoredAs) {
  return std::array{
      std::pair{"same", StoredAs::kSame},       std::pair{"float32", StoredAs::kFloat32},
      std::pair{"float16", StoredAs::kFloat16}, std::pair{"bfloat16", StoredAs::kBFloat16},
      std::pair{"q8_0", StoredAs::kQ8_0},       std::pair{"q4_0", StoredAs::kQ4_0},
      std::pair{"int8", StoredAs::kInt8}};
}

struct ConvertConfig {
  ConvertTo to = ConvertTo::kAuto;
  StoredAs dtype = StoredAs::kSame;
  bool overwrite = false;
};

template <class Visitor>
void visit_fields(ConvertConfig& c, Visitor&& visit) {
  visit("to", c.to,
        "format of OUT: hf is a folder; auto: by the name of OUT (.gguf, .bin, else hf)");
  visit("dtype", c.dtype,
        "dtype of the weights; q8_0 (int8) and q4_0 are for gguf; same: that of IN");
  visit("overwrite", c.overwrite, "replace the model at OUT; other files there are never deleted");
}

/// Writes the model at `in` (anything that --model accepts) to `out`, tensor by tensor. `out`
/// appears complete or not at all. Returns path, format, dtype, bytes and parameters.
OrderedJson run_convert(const ConvertConfig& config, const std::string& in,
                        const std::filesystem::path& out);

/// Describes a model, or a single file of tensors: format, shape, parameters, bytes, tokenizer, the
/// files with their SHA-256, each tensor.
OrderedJson inspect_model(const std::string& name_or_path);

/// The same as text: some lines and a table.
std::string describe_model(const OrderedJson& inspected);

}  // namespace gptkit
