#pragma once
// A model's tensors under Hugging Face's names and in its orientation: what every weight format is
// translated to when it is read and from when it is written.
//   gpt2   transformer.h.0.attn.c_attn.weight ...: matrices (in, out), as Conv1D keeps them
//   llama  model.layers.0.self_attn.q_proj.weight ...: matrices (out, in); our fused ones in parts
// https://huggingface.co/docs/transformers/model_doc/gpt2, .../model_doc/llama

#include <string>
#include <utility>
#include <vector>

#include "models/gpt.h"
#include "weights/tensor_map.h"

namespace gptkit {

/// Views of the model's parameters (writing to them writes to the model) under their names. An
/// untied head is `lm_head.weight`.
NamedTensors hugging_face_views(const GPT& model);

/// The views, and zeros where Hugging Face's GPT-2 has a query-key-value bias and the model none:
/// what a file holds.
NamedTensors hugging_face_tensors(const GPT& model);

/// Fills the model. `extra` names tensors of another head that belong to the caller
/// (`score.weight`). Buffers of old checkpoints, and a `lm_head.weight` beside a tied head, are
/// ignored; whatever else is missing, unexpected or of another shape is one error.
void load_from_hugging_face(GPT& model, const TensorMap& map,
                            const std::vector<std::string>& extra = {});

/// The sources that make up the model of `config`, in the order of hugging_face_tensors, checked as
/// load_from_hugging_face does; `extra` ones last.
NamedSources model_sources(const ModelConfig& config, const TensorMap& map,
                           const std::vector<std::string>& extra = {});

/// The same tensors under the names of GPT2LMHeadModel and LlamaForCausalLM: with the prefix that
/// the bare model (GPT2Model, LlamaModel) is saved without, and without the names of what it was
/// wrapped in (`module.` of DataParallel, `_orig_mod.` of torch.compile, a prefix that all names
/// have). Fails when some names have the prefix and others do not.
TensorMap own_names(const TensorMap& map, const std::string& family);

}  // namespace gptkit
