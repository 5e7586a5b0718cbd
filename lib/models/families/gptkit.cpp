// gptkit's own family: any combination of the choices of models/config.h, for experiments. Its
// config.json has the fields of ModelConfig, its tensors have our modules' names; no other program
// reads it.

#include <algorithm>
#include <type_traits>

#include "base/error.h"
#include "models/families/families.h"
#include "models/families/json_fields.h"

namespace gptkit {

namespace {

constexpr TensorRule rule(std::string_view layer) {
  return {.layer = layer, .hugging_face = layer, .gguf = {}};
}

constexpr TensorRule kTensors[] = {rule("token_embedding"),
                                   rule("position_embedding"),
                                   rule("blocks.{}.norm1"),
                                   rule("blocks.{}.attention.qkv"),
                                   rule("blocks.{}.attention.proj"),
                                   rule("blocks.{}.norm2"),
                                   rule("blocks.{}.mlp.up"),
                                   rule("blocks.{}.mlp.down"),
                                   rule("final_norm"),
                                   {.layer = "head", .hugging_face = "lm_head", .gguf = {}}};

/// Fields that do not describe the network: another key has them, or they are for training.
bool is_stored(std::string_view field) {
  return field != "family" && field != "tie_embeddings" && field != "dropout" && field != "init";
}

template <class Value>
Value enum_from_json(const Json& json, const std::string& key, const std::string& where) {
  const auto text = json_string(json, key, where);
  std::string names;
  for (const auto& [name, value] : enum_names(Value{})) {
    if (text == name) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  fail(where, ": ", key, " '", printable(text), "' is not supported; expected one of ", names);
}

template <class Value>
Value from_member(const Json& json, const std::string& key, const std::string& where) {
  if constexpr (std::is_enum_v<Value>) {
    return enum_from_json<Value>(json, key, where);
  } else if constexpr (std::is_same_v<Value, bool>) {
    return json_bool(json, key, where, true);
  } else if constexpr (std::is_same_v<Value, double>) {
    return json_number(json, key, where);
  } else {
    return json_int(json, key, where);
  }
}

ModelConfig choices() { return {.family = "gptkit"}; }

ModelConfig from_json(const Json& json, const std::string& where) {
  auto c = choices();
  visit_fields(c, [&](const char* name, auto& value, const char*) {
    using Value = std::remove_cvref_t<decltype(value)>;
    if constexpr (!std::is_same_v<Value, std::string>) {
      if (is_stored(name)) value = from_member<Value>(json, name, where);
    }
  });
  c.tie_embeddings = json_bool(json, "tie_word_embeddings", where, true);
  validate(c, {where});
  return c;
}

Json to_json(const ModelConfig& config) {
  auto c = config;
  Json json = Json::object();
  visit_fields(c, [&](const char* name, auto& value, const char*) {
    if (!is_stored(name)) return;
    if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(value)>>) {
      for (const auto& [text, named] : enum_names(value)) {
        if (named == value) json[name] = text;
      }
    } else {
      json[name] = value;
    }
  });
  return json;
}

/// The fields, and the keys of other families that are not fields.
std::vector<KeyRule> json_keys() {
  std::vector<KeyRule> keys;
  auto c = choices();
  visit_fields(c, [&](const char* name, auto&, const char*) {
    if (is_stored(name)) keys.push_back({name, KeyUse::kHonoured});
  });
  const auto fields = keys;
  for (const auto& common : with_common_keys({})) {
    if (!find_rule(fields, common.key)) keys.push_back(common);
  }
  return keys;
}

}  // namespace

const Family& gptkit_family() {
  static const auto kJsonKeys = json_keys();
  static const Family kFamily = {.name = "gptkit",
                                 .choices = choices(),
                                 .fixed = {},
                                 .check = nullptr,
                                 .presets = {},
                                 .from_json = from_json,
                                 .to_json = to_json,
                                 .json_keys = kJsonKeys,
                                 .language_model_class = "GptkitForCausalLM",
                                 .classifier_class = "GptkitForSequenceClassification",
                                 .tensors = kTensors,
                                 .buffers = {},
                                 .gguf_architecture = {},
                                 .gguf_keys = {}};
  return kFamily;
}

}  // namespace gptkit
