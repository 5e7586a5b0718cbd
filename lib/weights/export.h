#pragma once
// Writing an opened model in another format, tensor by tensor: the model as a whole is never held
// in memory, so one larger than the memory can be converted.

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"
#include "text/tokenizer.h"
#include "weights/model_source.h"

namespace gptkit {

/// The float type that most of the model's weights are in; float32 for a quantised one.
DType main_dtype(const ModelSource& source);

/// A folder in Hugging Face's layout (classifiers, too) into `folder`, which exists. `dtype` is a
/// float type.
void export_hugging_face(const ModelSource& source, const Tokenizer& tokenizer,
                         const fs::path& folder, DType dtype);

/// A GGUF file. As llama.cpp has it, vectors and learned positions stay float32; with q8_0 and q4_0
/// a matrix whose rows are no multiple of 32 is float16. Fails for a classifier.
void export_gguf(const ModelSource& source, const Tokenizer& tokenizer, const fs::path& path,
                 DType dtype);

/// llm.c's file, in float32 or bfloat16; GPT-2's shape alone.
void export_llmc(const ModelSource& source, const fs::path& path, DType dtype);

}  // namespace gptkit
