#pragma once
// LoRA adapters in the folder layout of Hugging Face's PEFT: adapter_config.json, and
// adapter_model.safetensors with
//   base_model.model.transformer.h.0.attn.c_attn.lora_A.weight (R,in), ...lora_B.weight (out,R)
//   base_model.model.score.weight   layers that were trained whole ("modules_to_save")
// Also read: rank and alpha per layer, rsLoRA, DoRA and biases; weights/config_keys.cpp has every
// setting. https://huggingface.co/docs/peft/developer_guides/checkpoint GPT-2's c_attn is one layer
// there: our adapters of query, key and value become one adapter whose rank is the sum of theirs.
// Its B has a block for each, so the function is the same.

#include <string>

#include "base/files.h"
#include "base/json.h"
#include "models/adapter.h"
#include "models/gpt.h"
#include "nn/linear.h"
#include "tensors/tensor_map.h"

namespace gptkit {

/// Whether a folder holds an adapter.
bool is_adapter(const fs::path& folder);

/// An opened adapter folder.
struct AdapterSource {
  fs::path folder;
  std::string base = {};  ///< base_model_name_or_path: the model that it was trained on
  bool classifier = false;
  Json config = {};                                   ///< adapter_config.json
  OrderedJson rank_pattern = {}, alpha_pattern = {};  ///< from config; the first match is used
  TensorMap tensors = {};                             ///< without the prefix base_model.model.
};
/// Opens without loading. Fails for adapters other than LoRA, naming the setting.
AdapterSource open_adapter(const fs::path& folder);

/// Whether this adapter makes the embedding and the head of a language model different although the
/// base ties them.
bool unties(const AdapterSource& source, const ModelConfig& base);

/// Reads the adapters for a model with the shape of the base. Everything other than a pair of
/// matrices of a layer changes the model itself: fully trained layers, biases, layers with a
/// magnitude (DoRA), adapters of the embedding and the vocabulary head. `head` is the class head,
/// or empty. Fails for tensors of another shape and for unknown layers.
AdapterLayers load_adapter(const AdapterSource& source, const GPT& gpt,
                           const Linear& head = nullptr);

/// Writes the adapters of the model's layers, and `whole` as fully trained layers (names as in the
/// base: score.weight ...), into an existing folder.
void save_adapter(const fs::path& folder, const GPT& gpt, const LoraConfig& config,
                  const std::string& base, const NamedTensors& whole, bool classifier);

}  // namespace gptkit
