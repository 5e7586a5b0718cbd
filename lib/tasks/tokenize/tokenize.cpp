#include "tasks/tokenize/tokenize.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/owned_folder.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/strings.h"
#include "data/corpus/documents.h"
#include "text/bpe.h"
#include "text/bpe_trainer.h"
#include "text/character.h"
#include "text/sentencepiece.h"
#include "text/tokenizer_folder.h"
#include "text/word.h"

namespace gptkit {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 23;  // of text, encoded at once
constexpr std::size_t kReadBytes = std::size_t{1} << 18;

/// One read(2); 0 at the end.
std::size_t read_some(int descriptor, std::span<char> into, const std::string& where) {
  while (true) {
    const ssize_t n = ::read(descriptor, into.data(), into.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) fail_runtime(where, ": cannot read: ", std::strerror(errno));
  }
}

/// Encodes documents on several threads and passes on their ids in order: sink(ids, last), where
/// `last` marks the end of a document.
class DocumentEncoder {
 public:
  using Sink = std::function<void(std::span<const TokenId>, bool last)>;

  DocumentEncoder(const Tokenizer& tokenizer, SpecialTokens special, int threads, Sink sink)
      : tokenizer_(tokenizer), special_(special), threads_(threads), sink_(std::move(sink)) {
    const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
    cuttable_ = bpe != nullptr;
    if (!bpe || special == SpecialTokens::kAsText) return;
    for (const TokenId id : bpe->model().special) {  // a cut inside one would hide it
      const auto& text = bpe->model().tokens[static_cast<std::size_t>(id)];
      if (text.find_first_of(" \t\n\v\f\r") != text.npos) cuttable_ = false;
    }
  }

  /// The number of bytes of `text` that can be encoded now, although more text may follow; 0: too
  /// few. The first `searched` bytes are known to have no place to cut.
  std::size_t safe_prefix(std::string_view text, std::size_t searched = 0) const {
    if (!cuttable_ || text.size() < 2 * kBatchBytes) return 0;
    const std::size_t cut = pretoken_safe_cut(text, std::max(kBatchBytes, searched));
    return cut < text.size() ? cut : 0;
  }

  void add(std::string_view text) {
    while (const std::size_t cut = safe_prefix(text)) {
      add_part(text.substr(0, cut), /*last=*/false);
      text.remove_prefix(cut);
    }
    add_part(text, /*last=*/true);
  }

  /// Part of a document that has been cut by safe_prefix.
  void add_part(std::string_view text, bool last) {
    if (text.size() < kBatchBytes / 8) {
      pending_.push_back({std::string(text), last, {}});
      pending_bytes_ += text.size() + sizeof(Part);
      if (pending_bytes_ >= kBatchBytes) flush();
    } else {
      flush();
      sink_(encode_parallel(tokenizer_, text, threads_, special_), last);
    }
  }

  void flush() {
    constexpr std::size_t kGroup = 64;
    parallel_for((pending_.size() + kGroup - 1) / kGroup, threads_, [&](std::size_t group) {
      const std::size_t end = std::min(pending_.size(), (group + 1) * kGroup);
      for (std::size_t i = group * kGroup; i < end; ++i) {
        tokenizer_.encode_append(pending_[i].text, pending_[i].ids, special_);
      }
    });
    for (const Part& part : pending_) sink_(part.ids, part.last);
    pending_.clear();
    pending_bytes_ = 0;
  }

 private:
  struct Part {
    std::string text;
    bool last;
    std::vector<TokenId> ids;
  };
  const Tokenizer& tokenizer_;
  SpecialTokens special_;
  int threads_;
  Sink sink_;
  bool cuttable_ = false;
  std::vector<Part> pending_;
  std::size_t pending_bytes_ = 0;
};

/// Standard input: one document, or one per line.
std::int64_t encode_stream(int descriptor, const std::string& where, bool lines,
                           DocumentEncoder& encoder) {
  std::string text;
  std::int64_t bytes = 0;
  const auto take_lines = [&] {
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
      encoder.add(std::string_view(text).substr(begin, end - begin));
    }
    text.erase(0, begin);
  };
  std::vector<char> buffer(kReadBytes);
  while (const std::size_t n = read_some(descriptor, buffer, where)) {
    const std::size_t searched = text.size();
    text.append(buffer.data(), n);
    bytes += static_cast<std::int64_t>(n);
    if (lines) {
      if (std::memchr(buffer.data(), '\n', n)) take_lines();
    } else if (const std::size_t cut = encoder.safe_prefix(text, searched)) {
      encoder.add_part(std::string_view(text).substr(0, cut), /*last=*/false);
      text.erase(0, cut);
    }
  }
  if (lines ? !text.empty() : bytes > 0) encoder.add(text);
  return bytes;
}

/// Passes every document of the input to the encoder; returns their size in bytes.
std::int64_t encode_input(const EncodeInput& input, DocumentEncoder& encoder) {
  const auto is_stream = [](const std::string& file) { return file == "-"; };
  std::int64_t bytes = 0;
  if (input.files.empty() || std::any_of(input.files.begin(), input.files.end(), is_stream)) {
    require(input.files.size() <= 1, "'-' (standard input) cannot be mixed with files");
    bytes = encode_stream(STDIN_FILENO, "standard input", input.lines, encoder);
  } else {
    const auto files = expand_inputs({input.files.begin(), input.files.end()});
    for_each_document(files, [&](const Document& document) {
      bytes += static_cast<std::int64_t>(document.text.size());
      std::string_view rest = document.text;
      while (input.lines && !rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        encoder.add(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
      if (!input.lines) encoder.add(rest);
    });
  }
  encoder.flush();
  return bytes;
}

std::string document_name(const Document& document) {
  return document.line > 0 ? concat(document.file.string(), ":", document.line)
                           : document.file.string();
}

std::shared_ptr<const Tokenizer> train_byte_level(const std::vector<fs::path>& files,
                                                  const TokenizerTraining& training) {
  const BpeTrainingOptions options{.vocab_size = *training.vocab_size};
  validate(options);
  PretokenCounts counts(options.special_tokens);
  for_each_document(files,
                    [&](const Document& document) { counts.add(document.text, training.threads); });
  Progress progress("learning", options.vocab_size - std::ssize(options.special_tokens), "tokens");
  auto model = train_bpe(counts, options, [&](std::int64_t made) { progress.update(made); });
  progress.finish();
  if (std::ssize(model.tokens) < options.vocab_size) {
    log_warning(
        "learned ", model.tokens.size(), " of ", options.vocab_size,
        " tokens: no pair is left that occurs twice; use more text for a larger vocabulary");
  }
  return std::make_shared<BpeTokenizer>(std::move(model), "learned BPE model");
}

std::shared_ptr<const Tokenizer> train_listed(const std::vector<fs::path>& files,
                                              const TokenizerTraining& training) {
  const bool word = training.algorithm == "word";
  TokenCounts counts;
  for_each_document(files, [&](const Document& document) {
    (word ? count_words : count_each_character)(document.text, document_name(document), counts);
  });
  const WordListOptions options{.vocab_size = training.vocab_size,
                                .special_tokens = training.unknown.value_or(word)};
  return word ? train_word_tokenizer(counts, options) : train_character_tokenizer(counts, options);
}

/// The output folder must be new or empty, or contain only a tokenizer that may be replaced: in a
/// model's folder the tokenizer belongs to the weights.
void check_free(const TokenizerTraining& training, const std::vector<fs::path>& inputs) {
  const auto& folder = training.out;
  if (!is_there(folder)) return;
  require(is_folder(folder), folder.string(), ": is a file; name a folder to write to");
  require_replaceable_place(folder, inputs);
  require_owned(folder, tokenizer_folder());
  require(training.overwrite || fs::is_empty(folder), folder.string(),
          ": holds a tokenizer already; replace it with ", Key{"overwrite"},
          ", or name another folder");
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder, bool overwrite) {
  AtomicDirectory output(folder);
  tokenizer.save(output.path());
  output.commit(overwrite ? &tokenizer_folder() : nullptr);
}

std::shared_ptr<const Tokenizer> train_pieces(const std::vector<fs::path>& files,
                                              const TokenizerTraining& training) {
  SentencePieceText text;
  for_each_document(
      files, [&](const Document& document) { text.add(document.text, document_name(document)); });
  log_info("learning ", *training.vocab_size, " pieces from ", text.lines().size(), " lines");
  return train_sentencepiece(text,
                             {.vocab_size = *training.vocab_size, .threads = training.threads});
}

std::shared_ptr<const Tokenizer> learn(const std::vector<fs::path>& files,
                                       const TokenizerTraining& training) {
  const std::string& algorithm = training.algorithm;
  if (algorithm == "word" || algorithm == "char") return train_listed(files, training);
  require(training.vocab_size.has_value(), "algorithm ", algorithm, " needs a vocabulary size, ",
          Key{"vocab_size"}, " N");
  require(!training.unknown, "algorithm ", algorithm, " covers every byte: ", Key{"unknown"},
          " is for word and char");
  if (algorithm == "bpe") return train_byte_level(files, training);
  if (algorithm == "unigram") return train_pieces(files, training);
  fail("unknown algorithm '", algorithm, "'; expected bpe, unigram, word or char");
}

}  // namespace

std::shared_ptr<const Tokenizer> train_tokenizer(const TokenizerTraining& training) {
  require(!training.algorithm.empty(), "missing ", Key{"algorithm"},
          ": bpe, unigram, word or char");
  require(!training.vocab_size || (*training.vocab_size >= 1 && *training.vocab_size <= 1 << 24),
          Key{"vocab_size"}, ": ", training.vocab_size.value_or(0),
          " is out of range; expected 1 to ", 1 << 24);
  require(!training.out.empty(), "missing ", Key{"out"}, ": the folder to write");
  require(!training.files.empty(), "missing FILE: the text to learn from");
  const auto files = expand_inputs(training.files);
  check_free(training, files);
  auto tokenizer = learn(files, training);
  save_tokenizer(*tokenizer, training.out, training.overwrite);
  log_info("learned ", format_count(tokenizer->vocab_size()), " tokens, written to ",
           training.out.string());
  return tokenizer;
}

void validate(const EncodeConfig& config, const std::vector<std::string>& arguments) {
  require(config.validation >= 0 && config.validation < 1, Key{"validation"}, ": ",
          config.validation, " is out of range; expected at least 0 and less than 1");
  validate(config.filter, "filter");
  if (config.out.empty()) {
    require(!config.filter.active(), Key{"filter"}, " needs ", Key{"out"},
            ": it filters for token shards");
    return;
  }
  require(!config.lines, Key{"lines"}, " cannot be combined with ", Key{"out"},
          "; use .jsonl with one document per line");
  const bool piped = std::find(arguments.begin(), arguments.end(), "-") != arguments.end();
  require(!piped && (!config.files.empty() || !arguments.empty()), Key{"out"},
          " needs files: it reads its input twice");
}

EncodeInput input_of(const CountConfig& config, const std::vector<std::string>& arguments,
                     int threads) {
  EncodeInput input;
  input.lines = config.lines;
  input.threads = threads;
  for (const auto& file : config.files) input.files.push_back(file.string());
  input.files.insert(input.files.end(), arguments.begin(), arguments.end());
  if (config.allow_special) input.special = SpecialTokens::kAllow;
  return input;
}

void encode_as_text(const Tokenizer& tokenizer, const EncodeInput& input, bool json,
                    const TextSink& out) {
  std::string text;
  bool begun = false;  // the line already has an id
  DocumentEncoder encoder(tokenizer, input.special, input.threads, [&](auto ids, bool last) {
    if (json && !begun && text.empty()) text = "{\"ids\": [";
    std::array<char, 16> digits;
    for (const TokenId id : ids) {
      if (begun) text += json ? ", " : " ";
      begun = true;
      text.append(digits.data(), std::to_chars(digits.data(), digits.end(), id).ptr);
      if (text.size() >= kReadBytes) {
        out(text);
        text.clear();
      }
    }
    if (!last) return;
    out(text);
    out(json ? "]}\n" : "\n");
    text.clear();
    begun = false;
  });
  encode_input(input, encoder);
}

void decode_to_text(const Tokenizer& tokenizer, bool json, const TextSink& out) {
  constexpr const char* where = "standard input";
  const bool by_token = dynamic_cast<const BpeTokenizer*>(&tokenizer) != nullptr;
  std::vector<TokenId> ids;
  std::int64_t line = 1;
  std::string word, whole;
  const auto decode = [&] {
    const std::string text = tokenizer.decode(ids);
    json ? void(whole += text) : out(text);
    ids.clear();
  };
  const auto end_word = [&] {
    if (word.empty()) return;
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    require(error != std::errc::invalid_argument && end == word.data() + word.size(), where, ":",
            line, ": '", word.substr(0, 40), "' is not a token id; expected numbers and blanks");
    require(error == std::errc() && id >= 0 && id < tokenizer.vocab_size(), where, ":", line,
            ": token id ", word.substr(0, 40), " is outside the vocabulary, 0 to ",
            tokenizer.vocab_size() - 1);
    ids.push_back(static_cast<TokenId>(id));
    word.clear();
  };
  std::vector<char> buffer(kReadBytes);
  while (const std::size_t n = read_some(STDIN_FILENO, buffer, where)) {
    for (const char c : std::span(buffer).first(n)) {
      if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
        if (word.size() < 64) word += c;
        continue;
      }
      end_word();
      if (c != '\n') continue;
      ++line;
      if (!by_token) decode();
    }
    if (by_token) decode();
  }
  end_word();
  decode();
  if (json) out(dump_json(OrderedJson{{"text", whole}}) + "\n");
}

TokenCount count_tokens(const Tokenizer& tokenizer, const EncodeInput& input) {
  TokenCount count{.vocab_size = tokenizer.vocab_size()};
  std::vector<bool> used(static_cast<std::size_t>(count.vocab_size));
  const auto unknown = tokenizer.special_id(kUnknownToken);
  DocumentEncoder encoder(tokenizer, input.special, input.threads, [&](auto ids, bool last) {
    count.tokens += std::ssize(ids);
    count.documents += last;
    for (const TokenId id : ids) {
      used[static_cast<std::size_t>(id)] = true;
      count.unknown += id == unknown;
    }
  });
  count.bytes = encode_input(input, encoder);
  count.vocab_used = std::count(used.begin(), used.end(), true);
  return count;
}

std::string describe(const TokenCount& count, bool json) {
  const auto part = [](std::int64_t a, std::int64_t b) {
    return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0.0;
  };
  const double ratio = part(count.bytes, count.tokens),
               use = part(count.vocab_used, count.vocab_size);
  if (json) {
    return dump_json(OrderedJson{{"documents", count.documents},
                                 {"bytes", count.bytes},
                                 {"tokens", count.tokens},
                                 {"unknown_tokens", count.unknown},
                                 {"bytes_per_token", ratio},
                                 {"vocab_used", count.vocab_used},
                                 {"vocab_size", count.vocab_size},
                                 {"vocab_use", use}}) +
           "\n";
  }
  return concat("documents        ", count.documents, "\nbytes            ", count.bytes,
                "\ntokens           ", count.tokens, "\nunknown tokens   ", count.unknown,
                "\nbytes per token  ", ratio, "\nvocabulary use   ", count.vocab_used, " of ",
                count.vocab_size, " (", 100 * use, " %)\n");
}

}  // namespace gptkit
