#pragma once
// What a model's files say about its tokens beside how text becomes ids: which token begins and
// ends a text, which ones end what the model writes, which one pads.
//
// Read from whichever file has it. The ends of generated text: `eos_token_id` (an id or a list) of
// generation_config.json, else of config.json, else the tokenizer's own. A null or an empty list
// is an answer, too: nothing ends the text. The other roles: tokenizer_config.json,
// special_tokens_map.json (texts), generation_config.json, config.json (ids); in a GGUF file
// tokenizer.ggml.{bos,eos,eot,eom,padding,unknown}_token_id.
//
// The settings of generation_config.json that have to do with sampling are kept for other
// software; gptkit takes them from its own options.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace gptkit {

struct TokenRoles {
  std::optional<TokenId> begin = {}, end = {}, pad = {}, unknown = {};
  /// Each of them ends what the model writes; nothing: the tokenizer's end of text does.
  std::optional<std::vector<TokenId>> ends = {};
  Json config = Json::object();  ///< bos_token_id ... of config.json as they are there
  Json generation = {};          ///< generation_config.json; null: there is none
};

/// The roles in a folder's files; `config` is its config.json. Fails naming file, key and value for
/// an end or a pad token that the vocabulary of `vocab_size` does not have.
TokenRoles read_token_roles(const std::filesystem::path& folder, const Json& config,
                            const Tokenizer& tokenizer, std::int64_t vocab_size);

/// The tokens that end generated text.
std::vector<TokenId> generation_ends(const TokenRoles& roles, const Tokenizer& tokenizer);

/// Makes `id` one of them.
void add_generation_end(TokenRoles& roles, const Tokenizer& tokenizer, TokenId id);

/// Adds the ids of the roles to config.json; existing keys stay.
void add_token_ids(const TokenRoles& roles, const Tokenizer& tokenizer, Json& config);

/// The members of generation_config.json.
Json generation_config_json(const TokenRoles& roles, const Tokenizer& tokenizer);

/// What a classifier's tokenizer has to say so that a pipeline of transformers cuts and pads as
/// gptkit does.
struct ClassifierTokens {
  std::optional<TokenId> pad = {};
  std::int64_t max_tokens = 0;  ///< a text's, with the tokens around it
  bool cut_left = false;
};

/// Puts the roles into the tokenizer's files, which Tokenizer::save wrote into `folder`. Keys of a
/// tokenizer_config.json that the tokenizer was read from stay as they are.
void write_token_roles(const std::filesystem::path& folder, const TokenRoles& roles,
                       const Tokenizer& tokenizer,
                       const std::optional<ClassifierTokens>& classifier = std::nullopt);

}  // namespace gptkit
