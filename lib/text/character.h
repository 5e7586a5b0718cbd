#pragma once
// One token per Unicode character, sorted by code point, as nanoGPT's character models have them.
// A vocabulary with special tokens turns an unknown character into <|unk|>; one without refuses
// it. Stored in character_tokenizer.json, see word_list.h.

#include <filesystem>
#include <memory>
#include <string_view>

#include "text/tokenizer.h"
#include "text/word_list.h"

namespace gptkit {

inline constexpr const char* kCharacterTokenizerFile = "character_tokenizer.json";

/// Counts the characters of a text; `where` names it when it is not UTF-8.
void count_each_character(std::string_view text, const std::string& where, TokenCounts& counts);

std::shared_ptr<const Tokenizer> train_character_tokenizer(const TokenCounts& counts,
                                                           const WordListOptions& options = {
                                                               .special_tokens = false});

std::shared_ptr<const Tokenizer> load_character_tokenizer(const std::filesystem::path& file);

}  // namespace gptkit
