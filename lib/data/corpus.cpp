#include "data/corpus.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "data/documents.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::size_t kPieceBytes = 1 << 18;  // of a long document, encoded at once
constexpr std::size_t kBatchBytes = 1 << 23;  // of text, encoded in parallel
constexpr std::string_view kFormat = "gptkit-tokens";

using TokenSink = std::function<void(std::span<const TokenId>)>;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Whether encoding the text before and after `cut` by itself gives the same ids as both at once,
/// tried on the words around it.
bool cut_is_harmless(const Tokenizer& tokenizer, std::string_view text, std::size_t cut,
                     SpecialTokens special) {
  const auto begin = text.rfind(' ', cut - std::min<std::size_t>(cut, 64));
  const auto end = text.find(' ', cut + 64);
  if (begin == text.npos || end == text.npos || end - begin > 4096) return false;
  const auto whole = tokenizer.encode(text.substr(begin, end - begin), special);
  auto parts = tokenizer.encode(text.substr(begin, cut - begin), special);
  tokenizer.encode_append(text.substr(cut, end - cut), parts, special);
  return parts == whole;
}

/// Where to end a piece of a long text: between a letter and a blank before a letter, where the
/// pre-tokenizers begin a new word whatever came before. The text's end when there is no such
/// place.
std::size_t piece_end(const Tokenizer& tokenizer, std::string_view text, SpecialTokens special) {
  int tries = 0;
  for (std::size_t cut = kPieceBytes; cut + 1 < text.size() && tries < 100; ++cut) {
    if (text[cut] != ' ' || !is_letter(text[cut - 1]) || !is_letter(text[cut + 1])) continue;
    if (cut_is_harmless(tokenizer, text, cut, special)) return cut;
    ++tries;
  }
  return text.size();
}

/// Encodes documents on several threads and hands their ids on in order, joined by end-of-text.
class Encoder {
 public:
  Encoder(const Tokenizer& tokenizer, SpecialTokens special, TokenSink sink)
      : tokenizer_(tokenizer), special_(special), sink_(std::move(sink)) {}

  void add_document(std::string_view text) {
    bool joined = any_;
    while (!text.empty()) {
      const auto end = piece_end(tokenizer_, text, special_);
      pieces_.push_back({std::string(text.substr(0, end)), joined, {}});
      pending_bytes_ += end;
      if (pending_bytes_ >= kBatchBytes) flush();
      text.remove_prefix(end);
      joined = false;
      any_ = true;
    }
  }

  void flush() {
    const auto separator = tokenizer_.end_of_text();
    parallel_for(pieces_.size(), physical_cores(), [&](std::size_t i) {
      auto& piece = pieces_[i];
      if (piece.joined && separator) piece.ids.push_back(*separator);
      tokenizer_.encode_append(piece.text, piece.ids, special_);
    });
    for (const auto& piece : pieces_) sink_(piece.ids);
    pieces_.clear();
    pending_bytes_ = 0;
  }

 private:
  struct Piece {
    std::string text;
    bool joined;  // to the document before it
    std::vector<TokenId> ids;
  };
  const Tokenizer& tokenizer_;
  SpecialTokens special_;
  TokenSink sink_;
  std::vector<Piece> pieces_;
  std::size_t pending_bytes_ = 0;
  bool any_ = false;
};

struct TextCounts {
  std::int64_t documents = 0, characters = 0, bytes = 0;
};

/// The first pass over text: counts it, and warns once of what is not UTF-8.
TextCounts count_text(const std::vector<fs::path>& files) {
  TextCounts counts;
  bool warned = false;
  for_each_document(files, [&](const Document& document) {
    ++counts.documents;
    counts.characters += count_characters(document.text);
    counts.bytes += std::ssize(document.text);
    if (warned || is_valid_utf8(document.text)) return;
    warned = true;
    log_warning(document.file.string(),
                document.line > 0 ? concat(":", document.line) : std::string(),
                ": not UTF-8; its bytes are tokenized as they are");
  });
  return counts;
}

/// Encodes documents: the first `train_characters` of the corpus to one sink, the rest to the
/// other.
void encode_text(const std::vector<fs::path>& files, const TextCounts& counts,
                 std::int64_t train_characters, const Tokenizer& tokenizer, SpecialTokens special,
                 const TokenSink& train_sink, const TokenSink& validation_sink) {
  Encoder train(tokenizer, special, train_sink), validation(tokenizer, special, validation_sink);
  constexpr std::int64_t kMegabyte = 1'000'000;
  Progress progress("tokenizing", (counts.bytes + kMegabyte - 1) / kMegabyte, "MB");
  std::int64_t bytes = 0, left = train_characters;
  for_each_document(files, [&](const Document& document) {
    const auto cut = character_offset(document.text, left);
    left -= std::min(left, count_characters(document.text));
    train.add_document(document.text.substr(0, cut));
    validation.add_document(document.text.substr(cut));
    bytes += std::ssize(document.text);
    progress.update(bytes / kMegabyte);
  });
  train.flush();
  validation.flush();
  progress.update((bytes + kMegabyte - 1) / kMegabyte);
}

std::int64_t training_part(std::int64_t all, double validation_fraction) {
  return static_cast<std::int64_t>((1.0 - validation_fraction) * static_cast<double>(all));
}

TokenSink append_to(std::vector<TokenId>& tokens) {
  return [&tokens](std::span<const TokenId> ids) {
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  };
}

CorpusTokens load_text(const CorpusOptions& options, const std::vector<fs::path>& train_files,
                       const Tokenizer& tokenizer) {
  const auto special = options.allow_special ? SpecialTokens::kAllow : SpecialTokens::kAsText;
  const bool by_tokens = options.split_by == SplitBy::kTokens;
  const double fraction = options.validation.empty() ? options.validation_fraction : 0.0;
  const auto counts = count_text(train_files);
  std::vector<TokenId> train, validation;
  encode_text(train_files, counts,
              by_tokens ? counts.characters : training_part(counts.characters, fraction), tokenizer,
              special, append_to(train), append_to(validation));
  CorpusTokens corpus{TokenStream(std::move(train)), TokenStream(), counts.documents,
                      counts.characters};
  if (by_tokens) {
    const auto all = corpus.train;
    const auto cut = training_part(all.size(), fraction);
    corpus.train = all.slice(0, cut);
    corpus.validation = all.slice(cut, all.size());
    return corpus;
  }
  if (!options.validation.empty()) {
    const auto files = expand_inputs(options.validation);
    const auto more = count_text(files);
    encode_text(files, more, more.characters, tokenizer, special, append_to(validation), nullptr);
    corpus.documents += more.documents;
    corpus.characters += more.characters;
  }
  corpus.validation = TokenStream(std::move(validation));
  return corpus;
}

/// The shards of a training or validation input, and the val-* shards that came with folders.
struct ShardList {
  std::vector<fs::path> shards, validation;
};

bool is_shard_folder(const fs::path& path) {
  if (!fs::is_directory(path) || !fs::exists(path / "meta.json")) return false;
  const auto meta = parse_json(read_file(path / "meta.json"), (path / "meta.json").string());
  return meta.is_object() && meta.value("format", Json()) == kFormat;
}

std::vector<fs::path> shards_of_part(const fs::path& folder, const Json& meta,
                                     const std::string& part) {
  const auto where = (folder / "meta.json").string();
  const auto found = meta.find(part);
  require(found != meta.end() && found->is_object() && found->contains("shards") &&
              found->at("shards").is_array(),
          where, ": no list of shards under '", part, "'");
  const auto dtype = json_string(meta, "dtype", where);
  std::vector<fs::path> shards;
  std::int64_t tokens = 0;
  for (const auto& name : found->at("shards")) {
    require(name.is_string(), where, ": a shard's name under '", part, "' is no text");
    const auto info = inspect_shard(folder / name.get<std::string>());
    require(dtype == (info.bytes_per_token == 2 ? "uint16" : "uint32"), info.path.string(),
            ": holds tokens of ", info.bytes_per_token, " bytes but ", where, " says dtype '",
            dtype, "'");
    tokens += info.tokens;
    shards.push_back(info.path);
  }
  const auto said = json_int(*found, "tokens", where);
  require(said == tokens, where, ": says ", said, " tokens under '", part, "' but the shards hold ",
          tokens);
  return shards;
}

ShardList list_shards(const std::vector<fs::path>& inputs) {
  ShardList list;
  const auto add = [](std::vector<fs::path>& to, const std::vector<fs::path>& more) {
    to.insert(to.end(), more.begin(), more.end());
  };
  for (const auto& input : inputs) {
    if (is_shard_folder(input)) {
      const auto meta = parse_json(read_file(input / "meta.json"), (input / "meta.json").string());
      add(list.shards, shards_of_part(input, meta, "train"));
      add(list.validation, shards_of_part(input, meta, "val"));
    } else {
      add(list.shards, expand_inputs({input}));
    }
  }
  return list;
}

bool any_shards(const std::vector<fs::path>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [](const fs::path& input) {
    return input.extension() == ".bin" || is_shard_folder(input);
  });
}

/// Opens shards after checking that they were written with this tokenizer, where they say so.
TokenStream open_shards(const std::vector<fs::path>& shards, const Tokenizer& tokenizer) {
  std::optional<std::string> digest;
  for (const auto& path : shards) {
    require(path.extension() == ".bin", path.string(),
            ": no token shard (.bin); text and shards cannot be mixed");
    const auto info = inspect_shard(path);
    if (info.tokenizer_sha256.empty()) continue;
    if (!digest) digest = tokenizer_sha256(tokenizer);
    require(info.tokenizer_sha256 == *digest, path.string(),
            ": was written with another tokenizer (vocabulary of ", info.vocab_size,
            " tokens) than this one (", tokenizer.vocab_size(),
            "); encode the text again or name the tokenizer it was written with");
  }
  return TokenStream::open(shards, tokenizer.vocab_size());
}

CorpusTokens load_shards(const CorpusOptions& options, const Tokenizer& tokenizer) {
  const auto list = list_shards(options.train);
  CorpusTokens corpus;
  corpus.train = open_shards(list.shards, tokenizer);
  if (!options.validation.empty()) {
    const auto validation = list_shards(options.validation);
    corpus.validation = open_shards(
        validation.validation.empty() ? validation.shards : validation.validation, tokenizer);
  } else if (!list.validation.empty()) {
    corpus.validation = open_shards(list.validation, tokenizer);
  } else {
    const auto all = corpus.train;
    const auto cut = training_part(all.size(), options.validation_fraction);
    corpus.train = all.slice(0, cut);
    corpus.validation = all.slice(cut, all.size());
  }
  return corpus;
}

void check_options(const CorpusOptions& options) {
  require(!options.train.empty(), "no training text is given");
  require(options.validation_fraction >= 0 && options.validation_fraction < 1,
          "validation fraction ", options.validation_fraction, " must be in [0, 1)");
}

void write_meta(const fs::path& path, const Tokenizer& tokenizer, const std::string& digest,
                std::int64_t documents, const ShardWriter& train, const ShardWriter& validation) {
  const auto part = [](const ShardWriter& writer) {
    return OrderedJson{{"tokens", writer.tokens()}, {"shards", writer.names()}};
  };
  OrderedJson meta;
  meta["format"] = kFormat;
  meta["version"] = 1;
  meta["dtype"] = tokenizer.vocab_size() <= 65536 ? "uint16" : "uint32";
  meta["vocab_size"] = tokenizer.vocab_size();
  meta["tokenizer_sha256"] = digest;
  if (const auto id = tokenizer.end_of_text()) meta["end_of_text"] = *id;
  meta["documents"] = documents;
  meta["train"] = part(train);
  meta["val"] = part(validation);
  write_file_atomic(path, dump_json(meta, 2) + "\n");
}

}  // namespace

CorpusTokens load_corpus(const CorpusOptions& options, const Tokenizer& tokenizer) {
  check_options(options);
  if (any_shards(options.train)) return load_shards(options, tokenizer);
  const auto files = expand_inputs(options.train);
  if (any_shards(files)) return load_shards(options, tokenizer);
  if (any_shards(options.validation)) {
    fail(options.validation.front().string(),
         ": the validation data are token shards but the training data are text; give both alike");
  }
  return load_text(options, files, tokenizer);
}

EncodeSummary encode_to_shards(const CorpusOptions& options, const Tokenizer& tokenizer,
                               const fs::path& folder, std::int64_t max_shard_tokens) {
  check_options(options);
  require(options.split_by == SplitBy::kCharacters,
          "shards are written in one pass, so their validation part is cut by characters only");
  require(!fs::exists(folder), folder.string(), ": already exists; name a new folder");
  const auto files = expand_inputs(options.train);
  for (const auto& file : files) {
    require(fs::is_regular_file(file), file.string(),
            ": is no regular file; writing shards reads its input twice");
  }
  const auto special = options.allow_special ? SpecialTokens::kAllow : SpecialTokens::kAsText;
  const double fraction = options.validation.empty() ? options.validation_fraction : 0.0;
  auto counts = count_text(files);

  AtomicDirectory output(folder);
  const auto digest = tokenizer_sha256(tokenizer);
  const auto writer = [&](const char* prefix) {
    return ShardWriter({output.path(), prefix, tokenizer.vocab_size(), digest, max_shard_tokens});
  };
  auto train = writer("train"), validation = writer("val");
  const TokenSink to_train = [&](auto ids) { train.write(ids); };
  const TokenSink to_validation = [&](auto ids) { validation.write(ids); };
  encode_text(files, counts, training_part(counts.characters, fraction), tokenizer, special,
              to_train, to_validation);
  if (!options.validation.empty()) {
    const auto more_files = expand_inputs(options.validation);
    const auto more = count_text(more_files);
    encode_text(more_files, more, more.characters, tokenizer, special, to_validation, nullptr);
    counts.documents += more.documents;
    counts.characters += more.characters;
    counts.bytes += more.bytes;
  }
  train.finish();
  validation.finish();
  write_meta(output.path() / "meta.json", tokenizer, digest, counts.documents, train, validation);
  output.commit();
  return {counts.documents, counts.characters, counts.bytes, train.tokens(), validation.tokens()};
}

}  // namespace gptkit
