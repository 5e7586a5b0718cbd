#pragma once
// A model's tensors under Hugging Face's names and in its orientation. Every weight format is
// converted to this form when it is read, and from it when it is written. The rules of the model's
// family define the names (models/tensor_names.h).

#include <string>
#include <utility>
#include <vector>

#include "models/gpt.h"
#include "tensors/tensor_map.h"

namespace gptkit {

/// Views of the model's parameters (writing to them writes to the model) under their names. An
/// untied head is `lm_head.weight`.
NamedTensors hugging_face_views(const GPT& model);

/// The tensors to store in a file: a bias that the family's files have and the model does not is
/// zero.
NamedTensors hugging_face_tensors(const GPT& model);

/// The treatment of quantised matrices.
enum class Quantized {
  kDecode,  ///< they become float32
  kKeep,    ///< a layer whose matrices are all quantised multiplies with their blocks as they lie
            ///< in the file (nn/linear.h); the embedding is decoded
};

/// Fills the model. `extra` names tensors of another head that belong to the caller
/// (`score.weight`). Buffers of old checkpoints, and a `lm_head.weight` beside a tied head, are
/// ignored; any other tensor that is missing, unexpected or of another shape is an error.
void load_from_hugging_face(GPT& model, const TensorMap& map,
                            const std::vector<std::string>& extra = {},
                            Quantized quantized = Quantized::kDecode);

/// The sources that make up the model of `config`, in the order of hugging_face_tensors, checked as
/// load_from_hugging_face does; `extra` ones last.
NamedSources model_sources(const ModelConfig& config, const TensorMap& map,
                           const std::vector<std::string>& extra = {});

/// The same tensors under the names of the family's language model: with the prefix that the bare
/// model (GPT2Model, LlamaModel) is saved without, and without the names of what it was
/// wrapped in (`module.` of DataParallel, `_orig_mod.` of torch.compile, a prefix that all names
/// have). Fails when some names have the prefix and others do not.
TensorMap own_names(const TensorMap& map, const ModelConfig& config);

}  // namespace gptkit
