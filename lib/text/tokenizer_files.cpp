#include "text/tokenizer_files.h"

#include "base/error.h"
#include "base/files.h"

namespace gptkit {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 28;
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kJsonFile = "tokenizer.json";
constexpr const char* kModelFile = "tokenizer.model";

/// The text of a token as these files write it: TEXT or {"content": TEXT}.
std::optional<std::string> role_text(const Json& file, const std::string& role,
                                     const std::string& where) {
  if (!file.contains(role) || file[role].is_null()) return std::nullopt;
  if (!file[role].is_object()) return json_string(file, role, where);
  return json_string(file[role], "content", concat(where, ": ", role));
}

}  // namespace

bool AddedTokens::add(AddedToken token) {
  const auto [place, added] = places_.emplace(concat(token.id, ' ', token.text), list_.size());
  if (added) {
    list_.push_back(std::move(token));
  } else {
    list_[place->second].special &= token.special;
  }
  return added;
}

TokenizerFiles read_tokenizer_files(const fs::path& folder) {
  TokenizerFiles files;
  for (const char* name :
       {kJsonFile, kModelFile, kConfigFile, "special_tokens_map.json", "added_tokens.json"}) {
    if (is_there(folder / name)) files[name] = read_file(folder / name, kLargestFile);
  }
  return files;
}

bool keeps_whole_tokenizer(const TokenizerFiles& files) {
  return files.contains(kJsonFile) || files.contains(kModelFile);
}

void write_tokenizer_files(const TokenizerFiles& files, const fs::path& folder) {
  for (const auto& [name, content] : files) write_file_atomic(folder / name, content);
}

std::optional<Json> read_json_object(const fs::path& file) {
  if (!is_there(file)) return std::nullopt;
  Json json = parse_json(read_file(file, kLargestFile), file.string());
  require(json.is_object(), file.string(), ": expected a JSON object");
  return json;
}

TokenId token_id_of(const Json& value, const std::string& what) {
  constexpr std::int64_t kEnd = std::int64_t{1} << 31;
  const std::int64_t id = json_to_int(value, what);
  require(id >= 0 && id < kEnd, what, ": id ", id, " is not a token id");
  return static_cast<TokenId>(id);
}

void check_added_flags(const Json& token, const std::string& text, const std::string& where) {
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
    require(!json_bool(token, flag, where, false), where, ": added token '", printable(text),
            "' has ", flag, ", which is not supported");
  }
}

AddedTokens read_added_tokens(const Json& file, const std::string& where) {
  AddedTokens added;
  if (!file.contains("added_tokens") || file["added_tokens"].is_null()) return added;
  require(file["added_tokens"].is_array(), where, ": added_tokens is not a list");
  for (const Json& token : file["added_tokens"]) {
    const std::string place = concat(where, ": added_tokens[", added.list().size(), "]");
    require(token.is_object(), place, ": expected an object");
    const std::string text = json_string(token, "content", place);
    require(token.contains("id"), place, ": 'id' is missing");
    const TokenId id = token_id_of(token["id"], place + ": id");
    const bool is_new = added.add({.text = text,
                                   .id = id,
                                   .special = json_bool(token, "special", where, true),
                                   .normalized = json_bool(token, "normalized", where, false),
                                   .left_strip = json_bool(token, "lstrip", where, false),
                                   .right_strip = json_bool(token, "rstrip", where, false),
                                   .single_word = json_bool(token, "single_word", where, false)});
    require(is_new, place, ": id ", id, " is both here and further up");
  }
  return added;
}

Vocabulary read_vocabulary(const Json& object, const std::string& where) {
  require(object.is_object(), where, ": the vocabulary is not a JSON object of token: id");
  Vocabulary vocabulary;
  vocabulary.reserve(object.size());
  for (auto it = object.begin(); it != object.end(); ++it) {
    const std::string& token = it.key();
    const Json& id = it.value();
    // The words of a message for each of 100,000 tokens would take longer than all the rest.
    const bool plain = id.is_number_unsigned() && id.get<std::uint64_t>() < std::uint64_t{1} << 31;
    vocabulary.emplace(token,
                       plain ? id.get<TokenId>()
                             : token_id_of(id, concat(where, ": token '", printable(token), "'")));
  }
  return vocabulary;
}

std::optional<std::pair<std::string, std::string>> split_merge(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == 0 || blank == std::string_view::npos || blank + 1 == line.size()) return {};
  if (line.find(' ', blank + 1) != std::string_view::npos) return {};
  return std::pair{std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
}

TextPairs read_merges_list(const Json& list, const std::string& where) {
  require(list.is_array(), where, ": model.merges is not a list");
  TextPairs merges;
  for (const Json& item : list) {
    if (item.is_string()) {
      auto merge = split_merge(item.get_ref<const std::string&>());
      require(merge.has_value(), where, ": merge ", merges.size(),
              ": expected two tokens with one blank between them");
      merges.push_back(std::move(*merge));
    } else {
      require(item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string(),
              where, ": merge ", merges.size(), ": expected two tokens");
      merges.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
    }
  }
  return merges;
}

AddedTokens added_tokens_beside(const fs::path& folder) {
  AddedTokens added;
  if (const auto file = read_json_object(folder / "added_tokens.json")) {
    for (const auto& [text, id] : file->items()) {
      added.add(
          {.text = text, .id = token_id_of(id, "added_tokens.json: '" + printable(text) + "'")});
    }
  }
  const auto config = read_json_object(folder / kConfigFile);
  if (!config || !config->contains("added_tokens_decoder")) return added;
  const std::string where = (folder / kConfigFile).string();
  const Json& tokens = (*config)["added_tokens_decoder"];
  require(tokens.is_object(), where, ": added_tokens_decoder is not an object");
  for (const auto& [id, token] : tokens.items()) {
    const std::string place = concat(where, ": added_tokens_decoder[", printable(id), "]");
    require(token.is_object(), place, ": expected an object");
    const std::string text = json_string(token, "content", place);
    check_added_flags(token, text, where);
    added.add({.text = text,
               .id = token_id_of(parse_json(id, place), place),
               .special = json_bool(token, "special", place, true)});
  }
  return added;
}

std::optional<TokenRole> token_role(const fs::path& folder, const std::string& role) {
  for (const char* name : {kConfigFile, "special_tokens_map.json"}) {
    const auto file = read_json_object(folder / name);
    if (!file) continue;
    const std::string where = (folder / name).string();
    if (auto text = role_text(*file, role, where)) return TokenRole{std::move(*text), where};
  }
  return std::nullopt;
}

}  // namespace gptkit
