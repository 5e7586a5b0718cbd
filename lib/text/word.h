#pragma once
// The book's word tokenizers. Text is cut at white space, which is dropped, and at punctuation
// (`, . : ; ? _ ! " ( ) '` and `--`), which stays: Python's
//   [w.strip() for w in re.split(r'([,.:;?_!"()\']|--|\s)', text) if w.strip()]
// A vocabulary with special tokens (SimpleTokenizerV2) turns an unknown word into <|unk|>; one
// without (V1) refuses it. Decoding joins words with blanks and takes the blank before
// `, . ? ! " ( ) '` away again, so white space does not survive. Stored in word_tokenizer.json,
// see word_list.h.

#include <filesystem>
#include <memory>
#include <string_view>

#include "text/tokenizer.h"
#include "text/word_list.h"

namespace gptkit {

inline constexpr const char* kWordTokenizerFile = "word_tokenizer.json";

/// Counts the words of a text; `where` names it when it is not UTF-8.
void count_words(std::string_view text, const std::string& where, TokenCounts& counts);

std::shared_ptr<const Tokenizer> train_word_tokenizer(const TokenCounts& counts,
                                                      const WordListOptions& options = {});

std::shared_ptr<const Tokenizer> load_word_tokenizer(const std::filesystem::path& file);

}  // namespace gptkit
