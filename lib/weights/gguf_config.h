#pragma once
// GGUF's metadata <-> ModelConfig, by the keys of the family whose architecture the file names.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <vector>

#include "formats/gguf.h"
#include "models/config.h"
#include "tensors/tensor_map.h"

namespace gptkit {

/// A divisor for each rotary frequency: GGUF's form of Llama 3's scaling.
inline constexpr const char* kRopeFactors = "rope_freqs.weight";

/// The model's shape from the metadata; `tensors` has the tensors under the names of the file.
ModelConfig config_from_gguf(const GgufFile& file, const TensorMap& tensors);

/// The metadata from the model's shape: everything except general.* and tokenizer.*. The family
/// must have a GGUF architecture.
std::vector<GgufField> gguf_config(const ModelConfig& config);

}  // namespace gptkit
