#pragma once
// The work behind the `tokenize` program: learn a tokenizer from files, turn files into lines of
// ids and back, and count. Texts stream through: memory holds one piece of some megabytes at a
// time (a whole document for tokenizers other than byte-level BPE, which alone can be cut safely).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

struct TokenizerTraining {
  std::string algorithm;                   // "bpe", "unigram", "word" or "char"
  std::optional<std::int64_t> vocab_size;  // needed by bpe and unigram; a limit for word and char
  std::optional<bool> unknown;             // word and char: <|endoftext|> and <|unk|>, or refuse
                                           // what is unknown; none: word with, char without
  std::vector<std::filesystem::path> inputs;  // files, folders, `.jsonl` (see documents.h)
  std::filesystem::path out;                  // folder to save to: a new one, which appears whole,
                                              // or one that holds no tokenizer yet
  bool overwrite = false;  // replaces a folder that holds a tokenizer and nothing else
  int threads = 1;
};

/// Learns and saves a tokenizer. What can be wrong with the options fails before the work begins.
std::shared_ptr<const Tokenizer> train_tokenizer(const TokenizerTraining& training);

/// Takes results, piece by piece.
using TextSink = std::function<void(std::string_view)>;

struct EncodeInput {
  std::vector<std::string> files;  // "-" or none: standard input, as one document
  bool lines = false;              // every line is a document (without its line end)
  SpecialTokens special = SpecialTokens::kAsText;
  int threads = 1;
};

/// Ids separated by blanks, one line per document; with `json` {"ids": [...]} instead.
void encode_as_text(const Tokenizer& tokenizer, const EncodeInput& input, bool json,
                    const TextSink& out);

/// Reads ids, separated by white space, from standard input and hands on their bytes (with `json`
/// {"text": ...}). Fails naming line and value. Byte-level BPE streams; others decode by line.
void decode_to_text(const Tokenizer& tokenizer, bool json, const TextSink& out);

struct TokenCount {
  std::int64_t documents = 0, bytes = 0, tokens = 0;
  std::int64_t unknown = 0;  // tokens that are <|unk|>: text that would not come back
  std::int64_t vocab_used = 0, vocab_size = 0;  // different tokens that occurred, of all
};
TokenCount count_tokens(const Tokenizer& tokenizer, const EncodeInput& input);

/// The counts as lines for people, or as one JSON object; ends with a line end.
std::string describe(const TokenCount& count, bool json);

}  // namespace gptkit
