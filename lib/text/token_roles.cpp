#include "text/token_roles.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "text/tokenizer_files.h"

namespace gptkit {

namespace {

constexpr const char* kGenerationFile = "generation_config.json";
constexpr const char* kTokenizerFile = "tokenizer_config.json";
constexpr const char* kMapFile = "special_tokens_map.json";

TokenId id_in_vocabulary(const Json& value, std::int64_t vocab_size, const std::string& where) {
  const std::int64_t id = json_to_int(value, where);
  require(id >= 0 && id < vocab_size, where, " ", id, " is outside the vocabulary, 0 to ",
          vocab_size - 1);
  return static_cast<TokenId>(id);
}

/// null, an id or a list of ids.
std::vector<TokenId> ids_of(const Json& value, std::int64_t vocab_size, const std::string& where) {
  std::vector<TokenId> ids;
  if (value.is_null()) return ids;
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& item : list) ids.push_back(id_in_vocabulary(item, vocab_size, where));
  return ids;
}

/// Ids and texts of the roles, by the files.
struct RoleFiles {
  const std::filesystem::path& folder;
  const Json& config;
  const TokenRoles& roles;
  const Tokenizer& tokenizer;
  std::int64_t vocab_size;

  /// `name` is "pad", "bos" ...; an id that no vocabulary has (-1, as old files write it) is none.
  std::optional<TokenId> find(const std::string& name) const {
    if (const auto role = token_role(folder, name + "_token")) {
      if (const auto id = id_of_text(role->text)) return id;
    }
    for (const Json* json : {&roles.generation, &config}) {
      const auto key = name + "_token_id";
      if (!json->is_object() || !json->contains(key) || !json->at(key).is_number_integer())
        continue;
      const auto id = json_to_int(json->at(key), key);
      if (id >= 0 && id < vocab_size) return static_cast<TokenId>(id);
    }
    return std::nullopt;
  }

 private:
  std::optional<TokenId> id_of_text(const std::string& text) const {
    if (const auto id = tokenizer.special_id(text)) return id;
    const auto ids = tokenizer.encode(text, SpecialTokens::kAllow);
    return ids.size() == 1 ? std::optional(ids[0]) : std::nullopt;
  }
};

/// An id alone, or a list.
Json ends_json(const std::vector<TokenId>& ends) {
  if (ends.size() == 1) return ends[0];
  return ends.empty() ? Json() : Json(ends);
}

Json id_json(const std::optional<TokenId>& id) { return id ? Json(*id) : Json(); }

void write_json(const std::filesystem::path& file, const Json& json) {
  write_file_atomic(file, dump_json(json, 2) + "\n");
}

}  // namespace

TokenRoles read_token_roles(const std::filesystem::path& folder, const Json& config,
                            const Tokenizer& tokenizer, std::int64_t vocab_size) {
  TokenRoles roles;
  const auto generation_file = folder / kGenerationFile;
  if (auto generation = read_json_object(generation_file)) {
    roles.generation = std::move(*generation);
  }
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (config.contains(key)) roles.config[key] = config.at(key);
  }
  const std::pair<const Json&, std::filesystem::path> files[] = {
      {roles.generation, generation_file}, {roles.config, folder / "config.json"}};
  for (const auto& [json, file] : files) {
    if (roles.ends || !json.is_object() || !json.contains("eos_token_id")) continue;
    roles.ends = ids_of(json.at("eos_token_id"), vocab_size, file.string() + ": eos_token_id");
  }
  const RoleFiles by_files{folder, config, roles, tokenizer, vocab_size};
  roles.begin = by_files.find("bos");
  roles.pad = by_files.find("pad");
  roles.unknown = by_files.find("unk");
  roles.end = tokenizer.end_of_text();
  return roles;
}

std::vector<TokenId> generation_ends(const TokenRoles& roles, const Tokenizer& tokenizer) {
  if (roles.ends) return *roles.ends;
  const auto end = tokenizer.end_of_text();
  return end ? std::vector{*end} : std::vector<TokenId>();
}

void add_generation_end(TokenRoles& roles, const Tokenizer& tokenizer, TokenId id) {
  auto ends = generation_ends(roles, tokenizer);
  if (std::find(ends.begin(), ends.end(), id) != ends.end()) return;
  ends.push_back(id);
  roles.ends = std::move(ends);
}

void add_token_ids(const TokenRoles& roles, const Tokenizer& tokenizer, Json& config) {
  const auto own_end = tokenizer.end_of_text(), own_begin = tokenizer.begin_of_text();
  const auto set = [&](const char* key, const Json& value) {
    if (!config.contains(key)) config[key] = value;
  };
  for (const auto& [key, value] : roles.config.items()) set(key.c_str(), value);
  set("bos_token_id", id_json(roles.begin ? roles.begin : own_begin ? own_begin : own_end));
  set("eos_token_id", roles.ends ? ends_json(*roles.ends) : id_json(own_end));
  if (roles.pad) set("pad_token_id", *roles.pad);
}

Json generation_config_json(const TokenRoles& roles, const Tokenizer& tokenizer) {
  if (roles.generation.is_object()) {
    Json json = roles.generation;
    if (json.contains("eos_token_id") || roles.ends) {
      json["eos_token_id"] = ends_json(generation_ends(roles, tokenizer));
    }
    return json;
  }
  Json ids = Json::object();
  add_token_ids(roles, tokenizer, ids);
  return ids;
}

void write_token_roles(const std::filesystem::path& folder, const TokenRoles& roles,
                       const Tokenizer& tokenizer,
                       const std::optional<ClassifierTokens>& classifier) {
  const auto config_file = folder / kTokenizerFile;
  auto config = read_json_object(config_file);
  if (!config) return;  // a tokenizer of our own kind, which transformers does not know
  auto map = read_json_object(folder / kMapFile);
  const Json before = *config, map_before = map.value_or(Json());
  const auto name = [&](const char* role, const std::optional<TokenId>& id, bool replace) {
    if (!id || !tokenizer.contains(*id)) return;
    if (!replace && config->contains(role) && !config->at(role).is_null()) return;
    const auto text = tokenizer.vocabulary_text(*id);
    (*config)[role] = text;
    if (map) (*map)[role] = text;
  };
  if (!tokenizer.keeps_files()) {
    // These files are made of what the tokenizer itself knows, which is less.
    name("bos_token", roles.begin, /*replace=*/true);
    name("eos_token", roles.end, /*replace=*/true);
    name("unk_token", roles.unknown, /*replace=*/true);
    name("pad_token", roles.pad, /*replace=*/true);
  }
  if (classifier) {
    name("pad_token", classifier->pad, /*replace=*/true);
    (*config)["model_max_length"] = classifier->max_tokens;
    (*config)["truncation_side"] = classifier->cut_left ? "left" : "right";
    (*config)["padding_side"] = "right";  // GPT-2 counts positions from the first token
  }
  if (*config != before) write_json(config_file, *config);
  if (map && *map != map_before) write_json(folder / kMapFile, *map);
}

}  // namespace gptkit
