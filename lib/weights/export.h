#pragma once
// Writes an opened model in another format, tensor by tensor. The whole model is never in memory.

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"
#include "text/tokenizer.h"
#include "weights/model_source.h"

namespace gptkit {

/// The floating-point dtype of most of the model's weights; float32 for a quantised model.
DType main_dtype(const ModelSource& source);

/// Writes Hugging Face's files into `folder`, which exists; also for classifiers. `dtype` is a
/// floating-point type.
void export_hugging_face(const ModelSource& source, const Tokenizer& tokenizer,
                         const fs::path& folder, DType dtype);

/// Writes a GGUF file. As in llama.cpp, vectors and learned positions stay float32; with q8_0 and
/// q4_0 a matrix whose width is not a multiple of 32 is float16. Fails for a classifier.
void export_gguf(const ModelSource& source, const Tokenizer& tokenizer, const fs::path& path,
                 DType dtype);

/// Writes llm.c's file in float32 or bfloat16. Fails for shapes other than GPT-2's.
void export_llmc(const ModelSource& source, const fs::path& path, DType dtype);

}  // namespace gptkit
