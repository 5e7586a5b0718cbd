#pragma once
// Models from one file format to another.

#include <filesystem>
#include <string>

#include "gptkit/namespace.h"

namespace gptkit::api {

struct ConvertOptions {
  std::string to = "auto";  ///< hf (a folder), gguf or llmc; auto: by the ending of `out`
  /// same, float32, float16 or bfloat16; for gguf also q8_0 and q4_0.
  std::string dtype = "same";
  bool overwrite = false;  ///< replace the model at `out`; other files are never replaced
};

/// Writes the model `in` (anything that LanguageModel::load opens) to `out`, tensor by tensor.
/// `out` appears whole or not at all.
void convert(const std::string& in, const std::filesystem::path& out,
             const ConvertOptions& options = {});

/// What a model or a file of tensors contains, as JSON: format, shape, parameters, tokenizer, files
/// with their SHA-256, tensors.
std::string inspect(const std::string& name_or_path);

}  // namespace gptkit::api
