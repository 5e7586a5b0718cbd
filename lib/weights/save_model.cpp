// The part of weights/bundle.h that writes model folders.

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "weights/bundle.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
#include "weights/tensor_files.h"

namespace gptkit {

namespace {

void write_json(const fs::path& path, const Json& json) {
  write_file_atomic(path, dump_json(json, 2) + "\n");
}

/// Removes a template in tokenizer_config.json that differs from the one being written.
void drop_other_template(const fs::path& folder, const std::string& chat_template) {
  const auto file = folder / "tokenizer_config.json";
  std::error_code ignored;
  if (chat_template.empty() || !fs::exists(file, ignored)) return;
  constexpr uint64_t kMaxBytes = 64 << 20;
  auto json = parse_json(read_file(file, kMaxBytes), file.string());
  const auto found = json.find("chat_template");
  if (found == json.end() || *found == Json(chat_template)) return;
  const Json named = {{"name", "default"}, {"template", chat_template}};
  if (found->is_array() && std::find(found->begin(), found->end(), named) != found->end()) return;
  json.erase(found);
  write_json(file, json);
}

}  // namespace

void save_weights(const fs::path& folder, const NamedSources& tensors, const SaveOptions& options) {
  NamedSources cast_tensors;
  std::vector<NamedSources> parts(1);
  uint64_t bytes = 0, total = 0;
  for (const auto& [name, source] : tensors) {
    const auto cast_source = cast(source, options.dtype, name);
    const auto size = tensor_bytes(dtype_of(options.dtype), source.shape, name);
    if (bytes > 0 && bytes + size > options.max_shard_bytes) {
      parts.emplace_back();
      bytes = 0;
    }
    bytes += size;
    total += size;
    parts.back().emplace_back(name, cast_source);
  }
  if (parts.size() == 1) return save_tensors(folder / "model.safetensors", parts.front());

  Json map = Json::object();
  const auto number = [](size_t n) {
    const auto text = std::to_string(n);
    return std::string(5 - std::min<size_t>(5, text.size()), '0') + text;
  };
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto file = concat("model-", number(i + 1), "-of-", number(parts.size()), ".safetensors");
    save_tensors(folder / file, parts[i]);
    for (const auto& [name, source] : parts[i]) map[name] = file;
  }
  write_json(folder / "model.safetensors.index.json",
             {{"metadata", {{"total_size", total}}}, {"weight_map", map}});
}

void save_description(const fs::path& folder, const Json& json, const ModelConfig& config,
                      const Tokenizer& tokenizer, const TokenRoles& roles,
                      const std::string& chat_template) {
  auto complete = json;
  add_token_ids(roles, tokenizer, complete);
  if (!complete.contains("architectures")) {
    complete["architectures"] = {architecture(config, /*classifier=*/false)};
  }
  write_json(folder / "config.json", complete);
  write_json(folder / "generation_config.json", generation_config_json(roles, tokenizer));
  tokenizer.save(folder);
  write_token_roles(folder, roles, tokenizer);
  drop_other_template(folder, chat_template);
  if (!chat_template.empty()) {
    write_file_atomic(folder / "chat_template.jinja", chat_template);
  }
}

void save_language_model(const fs::path& folder, const LanguageModel& model,
                         const SaveOptions& options) {
  const auto& config = model.gpt->config();
  NamedSources tensors;
  for (const auto& [name, tensor] : hugging_face_tensors(model.gpt)) {
    tensors.emplace_back(name, source_of(tensor));
  }
  save_weights(folder, tensors, options);
  auto json = config_to_json(config, std::string(name(dtype_of(options.dtype))));
  save_description(folder, json, config, *model.tokenizer, model.roles, model.chat_template);
}

}  // namespace gptkit
