#pragma once
// LoRA adapters across a model: where they go, putting them in, taking them out, merging them.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/gpt.h"
#include "models/heads/classifier.h"
#include "nn/linear.h"
#include "nn/lora.h"

namespace gptkit {

/// A place for an adapter: rows [begin, begin + count) of a layer's output.
struct LoraTarget {
  std::string name;    ///< query, key, value, proj, gate, up, down or head
  int64_t block = -1;  ///< -1: the class head
  Linear linear{nullptr};
  int64_t begin = 0, count = 0;
};

/// Every place in the order of the forward pass. An empty head is left out.
std::vector<LoraTarget> lora_targets(const GPT& gpt, const Linear& head = nullptr);

/// The adapters of a model, one for each layer that has any; several sets can be made for one model
/// and put in by turns.
using AdapterLayers = std::vector<std::pair<Linear, Lora>>;

/// Fresh adapters as `config` has them. Fails for a rank, dropout or block count out of range and
/// for a target that this model has not, naming those it has.
AdapterLayers make_adapter(const GPT& gpt, const Linear& head, const LoraConfig& config);

/// From here on the layers add their adapters' output; what they had before is taken out.
void attach(const AdapterLayers& adapter);
void detach(const AdapterLayers& adapter);
/// Adds the adapters to the weights and takes them out: the same outputs up to rounding, at no
/// cost.
void merge_(const AdapterLayers& adapter);

/// Checks the values that need no model.
void validate(const LoraConfig& config);

}  // namespace gptkit
