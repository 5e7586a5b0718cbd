#pragma once
// All that a family of models is, in one value: its file is families/<name>.cpp. models/README.md
// says how to add one.

#include <span>
#include <string>
#include <string_view>

#include "base/config/known_keys.h"
#include "base/json.h"
#include "models/config.h"

namespace gptkit {

/// Which of our layer's rows a tensor holds: several files have three or two layers where we have
/// one.
enum class Rows { kAll, kQuery, kKey, kValue, kGate, kUp };

/// One layer of ours, or some of its rows, and what the formats call it. `{}` is the block's
/// number. Names are those of the layer: `.weight` and, where the model has one, `.bias` follow.
struct TensorRule {
  std::string_view layer;  ///< of layer_shapes()
  std::string_view hugging_face;
  std::string_view gguf;
  Rows rows = Rows::kAll;
  bool transposed = false;   ///< Hugging Face's matrix is (in,out), as Conv1D keeps it
  bool always_bias = false;  ///< files have a bias also where the model has none: zeros
  /// GGUF has the rows of each head paired for rotary positions as neighbours (2i, 2i + 1) instead
  /// of halves (i, i + D/2).
  bool paired = false;
  std::string_view openai = {};  ///< in OpenAI's checkpoints; `/w` (a norm: `/g`) and `/b` follow
};

/// What a file calls a field of ModelConfig.
struct FieldKey {
  std::string_view key;
  std::string_view field;
  enum class Use {
    kRequired,
    kOptional,     ///< the family's value where it is absent
    kSame,         ///< a second name: must agree with the field
    kWrittenOnly,  ///< the reader finds it elsewhere
  } use = Use::kRequired;
};

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
  /// Fails, with a message that begins with `where`, for what else the family's files cannot
  /// express. Null: nothing.
  void (*check)(const ModelConfig& config, const std::string& where);
  std::span<const Preset> presets;

  /// config.json -> config, validated; errors name the file `where` and its keys.
  ModelConfig (*from_json)(const Json& json, const std::string& where);
  /// The other way, but for what every family has alike (weights/hugging_face_config.h).
  Json (*to_json)(const ModelConfig& config);
  std::span<const KeyRule> json_keys;     ///< of config.json
  std::string_view language_model_class;  ///< of transformers
  std::string_view classifier_class;      ///< of transformers

  std::span<const TensorRule> tensors;        ///< in the order of layer_shapes()
  std::span<const std::string_view> buffers;  ///< ends of names in old files that are no weights

  std::string_view gguf_architecture;          ///< empty: it has no GGUF form
  std::span<const FieldKey> gguf_keys;         ///< behind "<architecture>."
  std::span<const FieldKey> openai_keys = {};  ///< of hparams.json; empty: OpenAI has none of it
  bool llmc = false;                           ///< whether llm.c's file is of this family
};

/// Every family, in the order of their names in messages.
std::span<const Family* const> families();
/// The family of this name, or null.
const Family* find_family(std::string_view name);
/// Its family; fails naming all of them for another name.
const Family& family_of(const ModelConfig& config);
/// "gpt2, llama or qwen2": the names of those for which `which` holds, for messages.
std::string family_names(bool (*which)(const Family&) = [](const Family&) { return true; });

/// The first family for which `holds` is true; there is one.
const Family& family_where(bool (*holds)(const Family&));

/// The config as one of the family: with its norm, positions, feed-forward, attention and biases.
ModelConfig of_family(const std::string& name, ModelConfig config = {});

/// A preset of any family; fails naming them for anything else.
ModelConfig model_preset(std::string_view name);

}  // namespace gptkit
