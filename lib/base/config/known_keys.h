#pragma once
// Tables of the keys in JSON files of other libraries: keys that are honoured, keys that are
// refused unless their value changes nothing, and keys that change no result. One warning names the
// keys that are in no table.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace gptkit {

enum class KeyUse {
  kHonoured,  ///< read where it belongs; values that cannot be used are refused there
  kRefused,   ///< refused by name unless null or one of `accepted`
  kHarmless,  ///< changes nothing that is computed here
};

struct KeyRule {
  std::string_view key;
  KeyUse use = KeyUse::kHarmless;
  std::string_view why = {};       ///< one sentence, without the full stop
  std::string_view accepted = {};  ///< with kRefused: a JSON list of values
};

/// The first rule for a key, or nothing.
const KeyRule* find_rule(std::span<const KeyRule> rules, std::string_view key);

/// What is wrong with a member's value: "scale_attn_weights false is not supported; expected true".
/// Empty when the rule accepts it.
std::string refusal(const KeyRule& rule, const Json& value);

/// Fails for the first refused member of the object, and warns of those that no rule has.
void check_keys(const Json& object, std::span<const KeyRule> rules, const std::string& where);

/// The keys that no rule has.
std::vector<std::string> unknown_keys(const Json& object, std::span<const KeyRule> rules);
/// One warning that names them; none for an empty list, and none when it was given before.
void warn_of_unknown_keys(const std::vector<std::string>& keys, const std::string& where);

}  // namespace gptkit
