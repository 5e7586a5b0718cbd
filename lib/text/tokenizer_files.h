#pragma once
// The small JSON files that Hugging Face puts beside a tokenizer: which tokens were added to its
// vocabulary, and which token has which role.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace gptkit {

/// A token beside the vocabulary proper.
struct AddedToken {
  std::string text;
  TokenId id = 0;
  bool special = true;  // false: found in any text
};

/// Added tokens in the order in which they come, each once.
class AddedTokens {
 public:
  bool add(AddedToken token);  ///< false: it is there already
  const std::vector<AddedToken>& list() const { return list_; }

 private:
  std::vector<AddedToken> list_;
  std::unordered_map<std::string, std::size_t> places_;  // of text and id
};

/// The files of a tokenizer by name, as they are: saving them again loses nothing that other
/// libraries find in them.
using TokenizerFiles = std::map<std::string, std::string>;

/// Those of a folder: tokenizer.json, tokenizer.model, and what tokenizer_config.json,
/// special_tokens_map.json and added_tokens.json say of them.
TokenizerFiles read_tokenizer_files(const std::filesystem::path& folder);
/// Whether they are a tokenizer, not only what is said of one.
bool keeps_whole_tokenizer(const TokenizerFiles& files);
void write_tokenizer_files(const TokenizerFiles& files, const std::filesystem::path& folder);

/// A JSON object; nothing when there is no such file.
std::optional<Json> read_json_object(const std::filesystem::path& file);

/// A checked id; `what` opens the message.
TokenId token_id_of(const Json& value, const std::string& what);

/// Refuses what Hugging Face would match in another way than a plain token.
void check_added_flags(const Json& token, const std::string& text, const std::string& where);

/// What `added_tokens.json` and the `added_tokens_decoder` of `tokenizer_config.json` name.
AddedTokens added_tokens_beside(const std::filesystem::path& folder);

/// A role's text and the file that names it.
struct TokenRole {
  std::string text;
  std::string where;
};

/// The token of a role ("eos_token") by `tokenizer_config.json`, else `special_tokens_map.json`.
std::optional<TokenRole> token_role(const std::filesystem::path& folder, const std::string& role);

}  // namespace gptkit
