#pragma once
// The rules of a document filter that look at one document by itself.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/corpus/document_filter.h"

namespace gptkit {

struct RuleBroken {
  DropReason reason;
  std::string why;  // "12 characters"
};

/// The first rule that a text breaks, if any: length, control characters, script, English. Stores
/// its length in Unicode code points; a byte that is not part of UTF-8 counts as one.
std::optional<RuleBroken> broken_rule(std::string_view text, const DocumentFilterConfig& config,
                                      std::int64_t& characters);

struct CharacterCounts {
  std::int64_t characters = 0;
  std::int64_t control = 0;  // control but tab and line ends, private, no character, not UTF-8
  std::int64_t letters = 0;
  std::int64_t of_script = 0;  // letters of the script asked for
};
CharacterCounts character_counts(std::string_view text, Script script);

/// How many of a text's words are among 40 of the commonest of English that other languages
/// written in Latin letters rarely use.
double english_share(std::string_view text);

/// "0.91".
std::string rounded(double value, int decimals);

}  // namespace gptkit
