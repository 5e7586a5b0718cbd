#include "data/corpus/corpus.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/parallel.h"
#include "data/corpus/documents.h"
#include "data/corpus/encode_documents.h"

namespace gptkit {

namespace {

constexpr std::string_view kFormat = "gptkit-tokens";

std::int64_t training_part(std::int64_t all, double validation_fraction) {
  return static_cast<std::int64_t>((1.0 - validation_fraction) * static_cast<double>(all));
}

TokenSink append_to(std::vector<TokenId>& tokens) {
  return [&tokens](std::span<const TokenId> ids) {
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  };
}

EncodeDocuments encoding(const CorpusOptions& options) {
  return {.special = options.allow_special ? SpecialTokens::kAllow : SpecialTokens::kAsText,
          .threads = options.threads > 0 ? options.threads : physical_cores(),
          .begin_texts = options.begin_texts};
}

/// The training documents, without those that the filter drops.
TextFiles training_text(const CorpusOptions& options, std::vector<fs::path> files) {
  TextFiles text{std::move(files)};
  if (options.filter) text.kept = options.filter->select(text.files);
  return text;
}

CorpusTokens load_text(const CorpusOptions& options, const std::vector<fs::path>& train_files,
                       const Tokenizer& tokenizer) {
  const bool by_tokens = options.split_by == SplitBy::kTokens;
  const double fraction = options.validation.empty() ? options.validation_fraction : 0.0;
  const auto text = training_text(options, train_files);
  auto encode = encoding(options);
  encode.counts = count_text(text);
  const auto characters = encode.counts.characters;
  if (!by_tokens) encode.train_characters = training_part(characters, fraction);
  std::vector<TokenId> train, validation;
  encode_documents(text, tokenizer, encode, append_to(train), append_to(validation));
  CorpusTokens corpus{TokenStream(std::move(train)), TokenStream(std::move(validation)),
                      encode.counts.documents, characters};
  if (by_tokens) {
    const auto all = corpus.train;
    const auto cut = training_part(all.size(), fraction);
    corpus.train = all.slice(0, cut);
    corpus.validation = all.slice(cut, all.size());
  }
  return corpus;
}

/// The shards of a training or validation input, and the val-* shards that came with folders.
struct ShardList {
  std::vector<fs::path> shards, validation;
};

bool is_shard_folder(const fs::path& path) {
  if (!is_folder(path) || !is_there(path / "meta.json")) return false;
  const auto meta = parse_json(read_file(path / "meta.json"), (path / "meta.json").string());
  return meta.is_object() && meta.value("format", Json()) == kFormat;
}

std::vector<fs::path> shards_of_part(const fs::path& folder, const Json& meta,
                                     const std::string& part) {
  const auto where = (folder / "meta.json").string();
  const auto found = meta.find(part);
  require(found != meta.end() && found->is_object() && found->contains("shards") &&
              found->at("shards").is_array(),
          where, ": expected a list of shards under '", part, "'");
  const auto dtype = json_string(meta, "dtype", where);
  std::vector<fs::path> shards;
  std::int64_t tokens = 0;
  for (const auto& name : found->at("shards")) {
    require(name.is_string(), where, ": a shard's name under '", part, "' is not a string");
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

/// Whether inputs, globs included, are token shards.
bool are_shards(const std::vector<fs::path>& inputs) {
  return any_shards(inputs) || any_shards(expand_inputs(inputs));
}

/// Opens shards after checking that they were written with this tokenizer, where they say so.
TokenStream open_shards(const std::vector<fs::path>& shards, const Tokenizer& tokenizer) {
  std::optional<std::string> digest;
  for (const auto& path : shards) {
    require(path.extension() == ".bin", path.string(),
            ": not a token shard (.bin); text and shards cannot be mixed");
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
  require(!options.filter, options.train.front().string(),
          ": token shards cannot be filtered; filter the text when encoding it (tokenize encode) "
          "or leave out ",
          Key{"data.filter"});
  const auto list = list_shards(options.train);
  CorpusTokens corpus;
  corpus.train = open_shards(list.shards, tokenizer);
  if (!options.validation.empty()) return corpus;
  if (!list.validation.empty()) {
    corpus.validation = open_shards(list.validation, tokenizer);
  } else {
    const auto all = corpus.train;
    const auto cut = training_part(all.size(), options.validation_fraction);
    corpus.train = all.slice(0, cut);
    corpus.validation = all.slice(cut, all.size());
  }
  return corpus;
}

/// The tokens of validation files; adds what they count to `documents` and `characters`.
TokenStream validation_tokens(const CorpusOptions& options, const Tokenizer& tokenizer,
                              CorpusTokens& counted) {
  if (are_shards(options.validation)) {
    const auto list = list_shards(options.validation);
    return open_shards(list.validation.empty() ? list.shards : list.validation, tokenizer);
  }
  const auto files = expand_inputs(options.validation);
  auto encode = encoding(options);
  encode.counts = count_text({files});
  counted.documents += encode.counts.documents;
  counted.characters += encode.counts.characters;
  std::vector<TokenId> ids;
  encode_documents({files}, tokenizer, encode, append_to(ids), nullptr);
  return TokenStream(std::move(ids));
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
  auto corpus = are_shards(options.train)
                    ? load_shards(options, tokenizer)
                    : load_text(options, expand_inputs(options.train), tokenizer);
  if (!options.validation.empty()) {
    corpus.validation = validation_tokens(options, tokenizer, corpus);
  }
  return corpus;
}

TokenStream load_validation(const CorpusOptions& options, const Tokenizer& tokenizer) {
  CorpusTokens counted;
  return validation_tokens(options, tokenizer, counted);
}

EncodeSummary encode_to_shards(const CorpusOptions& options, const Tokenizer& tokenizer,
                               const fs::path& folder, std::int64_t max_shard_tokens) {
  check_options(options);
  require(options.split_by == SplitBy::kCharacters,
          "shards are written in one pass, so their validation part is cut by characters only");
  require(!is_there(folder), folder.string(), ": already exists; name a new folder");
  const auto files = expand_inputs(options.train);
  for (const auto& file : files) {
    require(is_regular(file), file.string(),
            ": is not a regular file; writing shards reads its input twice");
  }
  const double fraction = options.validation.empty() ? options.validation_fraction : 0.0;
  const auto text = training_text(options, files);
  auto encode = encoding(options);
  auto counts = encode.counts = count_text(text);
  encode.train_characters = training_part(counts.characters, fraction);

  AtomicDirectory output(folder);
  const auto digest = tokenizer_sha256(tokenizer);
  const auto writer = [&](const char* prefix) {
    return ShardWriter({output.path(), prefix, tokenizer.vocab_size(), digest, max_shard_tokens});
  };
  auto train = writer("train"), validation = writer("val");
  const TokenSink to_train = [&](auto ids) { train.write(ids); };
  const TokenSink to_validation = [&](auto ids) { validation.write(ids); };
  encode_documents(text, tokenizer, encode, to_train, to_validation);
  if (!options.validation.empty()) {
    const TextFiles more_text{expand_inputs(options.validation)};
    auto more = encoding(options);
    more.counts = count_text(more_text);
    encode_documents(more_text, tokenizer, more, to_validation, nullptr);
    counts.documents += more.counts.documents;
    counts.characters += more.counts.characters;
    counts.bytes += more.counts.bytes;
  }
  train.finish();
  validation.finish();
  write_meta(output.path() / "meta.json", tokenizer, digest, counts.documents, train, validation);
  if (options.filter) {
    write_file_atomic(output.path() / kFilterReportFile,
                      dump_json(to_json(options.filter->report()), 2) + "\n");
  }
  output.commit();
  return {counts.documents, counts.characters, counts.bytes, train.tokens(), validation.tokens()};
}

}  // namespace gptkit
