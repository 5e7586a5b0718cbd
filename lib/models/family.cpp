#include "models/family.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "models/families/families.h"

namespace gptkit {

namespace {

/// "a, b or c"
std::string join_or(const std::vector<std::string_view>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    text.append(i == 0 ? "" : i + 1 == names.size() ? " or " : ", ").append(names[i]);
  }
  return text;
}

}  // namespace

std::span<const Family* const> families() {
  static const std::array kAll = {&gpt2_family(), &llama_family(), &mistral_family(),
                                  &qwen2_family(), &gptkit_family()};
  return kAll;
}

const Family* find_family(std::string_view name) {
  const auto all = families();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto* family) { return family->name == name; });
  return found == all.end() ? nullptr : *found;
}

std::string family_names(bool (*which)(const Family&)) {
  std::vector<std::string_view> names;
  for (const auto* family : families()) {
    if (which(*family)) names.push_back(family->name);
  }
  return join_or(names);
}

const Family& family_of(const ModelConfig& config) {
  if (const auto* family = find_family(config.family)) return *family;
  fail(Key{"model.family"}, ": '", printable(config.family), "' is not known; expected ",
       family_names());
}

const Family& family_where(bool (*holds)(const Family&)) {
  for (const auto* family : families()) {
    if (holds(*family)) return *family;
  }
  fail("no family has this format");
}

ModelConfig of_family(const std::string& name, ModelConfig config) {
  config.family = name;
  const auto& choices = family_of(config).choices;
  config.norm = choices.norm;
  config.norm_placement = choices.norm_placement;
  config.positions = choices.positions;
  config.mlp = choices.mlp;
  config.attention = choices.attention;
  config.qkv_bias = choices.qkv_bias;
  config.proj_bias = choices.proj_bias;
  config.mlp_bias = choices.mlp_bias;
  return config;
}

ModelConfig model_preset(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto* family : families()) {
    for (const auto& preset : family->presets) {
      if (preset.name == name) return preset.config;
      names.push_back(preset.name);
    }
  }
  fail(Key{"model.preset"}, ": '", printable(name), "' is not known; expected ", join_or(names),
       " (other shapes: set n_layer, n_head, d_model)");
}

}  // namespace gptkit
