#pragma once
// The complete description of a family of models; its file is families/<name>.cpp. models/README.md
// describes how to add one.

#include <span>
#include <string>
#include <string_view>

#include "base/config/known_keys.h"
#include "base/json.h"
#include "models/config.h"

namespace gptkit {

/// The rows of our layer that a tensor has: several formats split one of our layers into two or
/// three.
enum class Rows { kAll, kQuery, kKey, kValue, kGate, kUp };

/// One of our layers, or some of its rows, and its names in the formats. `{}` is the number of the
/// block. Names are those of the layer, without `.weight` and `.bias`.
struct TensorRule {
  std::string_view layer;  ///< of layer_shapes()
  std::string_view hugging_face;
  std::string_view gguf;
  Rows rows = Rows::kAll;
  bool transposed = false;   ///< Hugging Face's matrix is (in,out), as in Conv1D
  bool always_bias = false;  ///< files always have a bias; zeros if the model has none
  /// GGUF has the rows of each head paired for rotary positions as neighbours (2i, 2i + 1) instead
  /// of halves (i, i + D/2).
  bool paired = false;
  std::string_view openai = {};  ///< in OpenAI's checkpoints; `/w` (a norm: `/g`) and `/b` follow
};

/// The key of a field of ModelConfig in a file.
struct FieldKey {
  std::string_view key;
  std::string_view field;
  enum class Use {
    kRequired,
    kOptional,     ///< if absent, the family's value applies
    kSame,         ///< a second name: must agree with the field
    kWrittenOnly,  ///< the reader gets it from elsewhere
  } use = Use::kRequired;
};

/// A published shape, by its name.
struct Preset {
  std::string_view name;
  ModelConfig config;
};

struct Family {
  std::string_view name;  ///< `model.family`, model_type in config.json
  ModelConfig choices;    ///< the defaults of the family
  /// Fields that are as in `choices` for every model of the family.
  std::span<const std::string_view> fixed;
  /// Fails, with a message that begins with `where`, for other choices that the family's files
  /// cannot express. Null: no further check.
  void (*check)(const ModelConfig& config, const std::string& where);
  std::span<const Preset> presets;

  /// config.json -> config, validated; errors name the file `where` and its keys.
  ModelConfig (*from_json)(const Json& json, const std::string& where);
  /// The reverse, without the keys that all families share (weights/hugging_face_config.h).
  Json (*to_json)(const ModelConfig& config);
  std::span<const KeyRule> json_keys;     ///< of config.json
  std::string_view language_model_class;  ///< of transformers
  std::string_view classifier_class;      ///< of transformers

  std::span<const TensorRule> tensors;  ///< in the order of layer_shapes()
  std::span<const std::string_view>
      buffers;  ///< name endings of tensors in old files that are not weights

  std::string_view gguf_architecture;          ///< empty: no GGUF support
  std::span<const FieldKey> gguf_keys;         ///< after "<architecture>."
  std::span<const FieldKey> openai_keys = {};  ///< of hparams.json; empty: OpenAI has no such model
  bool llmc = false;                           ///< whether llm.c's files are of this family
};

/// All families, in the order in which messages list them.
std::span<const Family* const> families();
/// The family of this name, or null.
const Family* find_family(std::string_view name);
/// The family of the config; fails for an unknown name and lists all names.
const Family& family_of(const ModelConfig& config);
/// "gpt2, llama or qwen2": the names of the families for which `which` is true, for messages.
std::string family_names(bool (*which)(const Family&) = [](const Family&) { return true; });

/// The first family for which `holds` is true; one must exist.
const Family& family_where(bool (*holds)(const Family&));

/// The config with the family's norm, positions, feed-forward, attention and biases.
ModelConfig of_family(const std::string& name, ModelConfig config = {});

/// A preset of any family; fails for an unknown name and lists all names.
ModelConfig model_preset(std::string_view name);

}  // namespace gptkit
