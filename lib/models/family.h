#pragma once
// All that a family of models is, in one value: its file is families/<name>.cpp. models/README.md
// says how to add one.

#include <span>
#include <string>
#include <string_view>

#include "models/config.h"

namespace gptkit {

/// A published shape, by its name.
struct Preset {
  std::string_view name;
  ModelConfig config;
};

struct Family {
  std::string_view name;  ///< `model.family`, model_type in config.json
  ModelConfig choices;    ///< of a model about which nothing else is said
  /// Fields that every model of the family has as in `choices`.
  std::span<const std::string_view> fixed;
  /// Fails, with the message that `where` opens, for what else the family's files cannot express.
  void (*check)(const ModelConfig& config, const std::string& where);
  std::span<const Preset> presets;
};

/// Every family, in the order of their names in messages.
std::span<const Family* const> families();
/// The family of this name, or null.
const Family* find_family(std::string_view name);
/// Its family; fails naming all of them for another name.
const Family& family_of(const ModelConfig& config);

/// The config as one of the family: with its norm, positions, feed-forward, attention and biases.
ModelConfig of_family(const std::string& name, ModelConfig config = {});

/// gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2-135m, smollm2-360m or smollm2-1.7b; fails naming
/// them for anything else.
ModelConfig model_preset(std::string_view name);

}  // namespace gptkit
