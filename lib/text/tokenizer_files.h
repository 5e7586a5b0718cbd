#pragma once
// The small JSON files that Hugging Face puts beside a tokenizer: which tokens were added to its
// vocabulary, and which token has which role.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace gptkit {

/// A token beside the vocabulary proper.
struct AddedToken {
  std::string text;
  TokenId id = 0;
  bool special = true;      // false: found in any text
  bool normalized = false;  // looked for in the normalised text, itself normalised
  bool left_strip = false, right_strip = false;  // takes the white space on that side
  bool single_word = false;                      // only where no word touches it

  bool is_plain() const { return !left_strip && !right_strip && !single_word; }
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

/// The `added_tokens` of a tokenizer.json.
AddedTokens read_added_tokens(const Json& file, const std::string& where);

using Vocabulary = std::unordered_map<std::string, TokenId>;
/// `model.vocab`, or a vocab.json.
Vocabulary read_vocabulary(const Json& object, const std::string& where);

using TextPairs = std::vector<std::pair<std::string, std::string>>;
/// `model.merges`: a pair is "left right" or, since tokenizers 0.20, ["left", "right"].
TextPairs read_merges_list(const Json& list, const std::string& where);
/// `left right`, exactly two words; nothing otherwise.
std::optional<std::pair<std::string, std::string>> split_merge(std::string_view line);

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
