#include "weights/hugging_face_config.h"

#include "base/config/known_keys.h"
#include "base/error.h"
#include "models/family.h"
#include "weights/config_keys.h"

namespace gptkit {

namespace {

void check_config_keys(const Json& json, const Family& family, const std::string& where) {
  std::vector<KeyRule> rules(family.json_keys.begin(), family.json_keys.end());
  // transformers 4 also stored generation settings here; transformers 5 ignores them.
  for (auto rule : generation_key_rules()) {
    rule.use = KeyUse::kHarmless;
    rules.push_back(rule);
  }
  check_keys(json, rules, where);
}

}  // namespace

ModelConfig config_from_json(const Json& json, const std::string& where) {
  require(json.is_object(), where, ": expected a JSON object");
  const auto type = json_string(json, "model_type", where, "gpt2");
  const auto* family = find_family(type);
  require(family, where, ": model_type '", printable(type), "' is not supported; expected ",
          family_names());
  check_config_keys(json, *family, where);
  return family->from_json(json, where);
}

Json config_to_json(const ModelConfig& config, const std::string& dtype) {
  const auto& family = family_of(config);
  auto json = family.to_json(config);
  json["model_type"] = family.name;
  json["tie_word_embeddings"] = config.tie_embeddings;
  json["torch_dtype"] = dtype;
  return json;
}

std::string architecture(const ModelConfig& config, bool classifier) {
  const auto& family = family_of(config);
  return std::string(classifier ? family.classifier_class : family.language_model_class);
}

}  // namespace gptkit
