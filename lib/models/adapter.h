#pragma once
// LoRA adapters of a whole model: target layers, attaching, detaching, merging.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/gpt.h"
#include "models/heads/classifier.h"
#include "nn/linear.h"
#include "nn/lora.h"

namespace gptkit {

/// A target of an adapter: rows [begin, begin + count) of a layer's output.
struct LoraTarget {
  std::string name;    ///< query, key, value, proj, gate, up, down or head
  int64_t block = -1;  ///< -1: the class head
  Linear linear{nullptr};
  int64_t begin = 0, count = 0;
};

/// All targets in the order of the forward pass. An empty head is not one.
std::vector<LoraTarget> lora_targets(const GPT& gpt, const Linear& head = nullptr);

/// The adapters of a model, one for each adapted layer. One model can have several sets, attached
/// one at a time.
using AdapterLayers = std::vector<std::pair<Linear, Lora>>;

/// Initialises new adapters. Fails for a rank, dropout or block count out of range, and for an
/// unknown target, naming the known ones.
AdapterLayers make_adapter(const GPT& gpt, const Linear& head, const LoraConfig& config);

/// Attaches the adapters to their layers, in place of earlier ones.
void attach(const AdapterLayers& adapter);
void detach(const AdapterLayers& adapter);
/// Adds the adapters to the weights and detaches them: the same outputs up to rounding, without the
/// adapters' cost.
void merge_(const AdapterLayers& adapter);

/// Checks the values that need no model.
void validate(const LoraConfig& config);

}  // namespace gptkit
