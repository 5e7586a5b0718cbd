#pragma once
// The `tokenize` program: trains a tokenizer on files, converts files to lines of ids and back, and
// counts tokens. Texts are streamed in pieces of some megabytes (whole documents for tokenizers
// other than byte-level BPE, because only byte-level BPE can be cut safely).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/config.h"
#include "data/corpus/corpus.h"
#include "data/corpus/document_filter.h"
#include "text/tokenizer.h"

namespace gptkit {

/// Settings of `tokenize train`.
struct TokenizerTraining {
  std::string algorithm;                     // "bpe", "unigram", "word" or "char"
  std::optional<std::int64_t> vocab_size;    // needed by bpe and unigram; a limit for word and char
  std::optional<bool> unknown;               // none: word with <|unk|>, char without
  std::vector<std::filesystem::path> files;  // files, folders, `.jsonl` (see documents.h)
  std::filesystem::path out;  // a new folder, which appears complete, or one without a tokenizer
  bool overwrite = false;     // replaces a folder that contains only a tokenizer
  int threads = 1;
};

template <class Visitor>
void visit_fields(TokenizerTraining& c, Visitor&& visit) {
  visit("algorithm", c.algorithm, "bpe, unigram, word or char");
  visit("vocab_size", c.vocab_size,
        "number of tokens, with the special ones; required for bpe and unigram");
  visit("unknown", c.unknown,
        "word, char: add the tokens <|endoftext|> and <|unk|>; without them unknown text is an "
        "error");
  visit("files", c.files, "text to learn from: files, folders, .jsonl; arguments are added");
  visit("out", c.out, "folder to write");
  visit("overwrite", c.overwrite, "replace the tokenizer in that folder");
}

/// Trains and saves a tokenizer. Invalid options fail before the work begins.
std::shared_ptr<const Tokenizer> train_tokenizer(const TokenizerTraining& training);

/// Receives the output, piece by piece.
using TextSink = std::function<void(std::string_view)>;

/// Settings of `tokenize decode`.
struct DecodeConfig {
  NameOrPath tokenizer;
};

template <class Visitor>
void visit_fields(DecodeConfig& c, Visitor&& visit) {
  visit("tokenizer", c.tokenizer, "gpt2, a folder, or a .model file");
}

/// Settings of `tokenize count`.
struct CountConfig {
  NameOrPath tokenizer;
  std::vector<std::filesystem::path> files;
  bool lines = false, allow_special = false;
};

template <class Visitor>
void visit_fields(CountConfig& c, Visitor&& visit) {
  visit("tokenizer", c.tokenizer, "gpt2, a folder, or a .model file");
  visit("files", c.files, "files, folders, .jsonl; arguments are added; none: standard input");
  visit("lines", c.lines, "each input line is a document");
  visit("allow_special", c.allow_special, "encode special tokens in the text as tokens");
}

/// Settings of `tokenize encode`.
struct EncodeConfig : CountConfig {
  std::filesystem::path out;  // empty: ids on standard output
  double validation = CorpusOptions{}.validation_fraction;
  DocumentFilterConfig filter;
};

template <class Visitor>
void visit_fields(EncodeConfig& c, Visitor&& visit) {
  visit_fields(static_cast<CountConfig&>(c), visit);
  visit("out", c.out, "write token shards to this new folder");
  visit("validation", c.validation, "fraction of the text for val-*.bin");
  visit("filter", c.filter, "rules that drop documents");
}

/// Fails for values out of range and for settings that contradict one another.
void validate(const EncodeConfig& config, const std::vector<std::string>& arguments);

/// The input: the files of the config and the program's arguments.
struct EncodeInput {
  std::vector<std::string> files;  // "-" or none: standard input, as one document
  bool lines = false;              // every line is a document (without its line end)
  SpecialTokens special = SpecialTokens::kAsText;
  int threads = 1;
};

EncodeInput input_of(const CountConfig& config, const std::vector<std::string>& arguments,
                     int threads);

/// Ids separated by blanks, one line per document; with `json` {"ids": [...]} instead.
void encode_as_text(const Tokenizer& tokenizer, const EncodeInput& input, bool json,
                    const TextSink& out);

/// Reads ids, separated by white space, from standard input and writes their bytes (with `json`
/// {"text": ...}). Fails naming line and value. Byte-level BPE streams; others decode by line.
void decode_to_text(const Tokenizer& tokenizer, bool json, const TextSink& out);

struct TokenCount {
  std::int64_t documents = 0, bytes = 0, tokens = 0;
  std::int64_t unknown = 0;  // <|unk|> tokens: text that decoding does not restore
  std::int64_t vocab_used = 0, vocab_size = 0;  // distinct tokens that occurred, out of vocab_size
};
TokenCount count_tokens(const Tokenizer& tokenizer, const EncodeInput& input);

/// The counts as text lines, or as one JSON object; ends with a newline.
std::string describe(const TokenCount& count, bool json);

}  // namespace gptkit
