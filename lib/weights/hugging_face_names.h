#pragma once
// GPT-2 as Hugging Face stores it: `h.0.attn.c_attn.weight` and so on, matrices transposed
// (Conv1D keeps (in, out) where a linear layer has (out, in)).
// https://huggingface.co/docs/transformers/model_doc/gpt2

#include "base/json.h"
#include "model/gpt.h"
#include "weights/tensor_map.h"

namespace gptkit {

/// The model's tensors under Hugging Face's names, each behind `transformer.`; an absent QKV bias
/// is written as zeros. An untied head is `lm_head.weight`.
NamedTensors gpt2_to_hugging_face(const GPT& model);

/// Fills the model from Hugging Face's tensors, with or without the `transformer.` prefix. `extra`
/// names tensors of another head that belong to the caller (`score.weight`). Attention-mask
/// buffers, and a `lm_head.weight` beside a tied head, are ignored.
void load_gpt2_from_hugging_face(GPT& model, const TensorMap& map,
                                 const std::vector<std::string>& extra = {});

/// config.json of GPT2LMHeadModel / GPT2ForSequenceClassification without the parts that belong to
/// tokenizer and task.
Json gpt2_config_to_json(const ModelConfig& config);

/// The other way; refuses by name every key whose value changes the mathematics in a way that is
/// not implemented (other activations, scaled attention by layer ...).
ModelConfig gpt2_config_from_json(const Json& json, const std::string& where);

}  // namespace gptkit
