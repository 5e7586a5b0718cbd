#include "data/corpus/encode_documents.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "data/corpus/documents.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::size_t kPieceBytes = 1 << 18;  // of a long document, encoded at once
constexpr std::size_t kBatchBytes = 1 << 23;  // of text, encoded in parallel

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
  Encoder(const Tokenizer& tokenizer, const EncodeDocuments& options, TokenSink sink)
      : tokenizer_(tokenizer),
        special_(options.special),
        threads_(options.threads),
        begin_texts_(options.begin_texts),
        sink_(std::move(sink)) {}

  void add_document(std::string_view text) {
    bool joined = any_, begins = begin_texts_;
    while (!text.empty()) {
      const auto end = piece_end(tokenizer_, text, special_);
      pieces_.push_back({std::string(text.substr(0, end)), joined, begins, {}});
      pending_bytes_ += end;
      if (pending_bytes_ >= kBatchBytes) flush();
      text.remove_prefix(end);
      joined = begins = false;
      any_ = true;
    }
  }

  void flush() {
    const auto separator = tokenizer_.end_of_text(), begin = tokenizer_.begin_of_text();
    parallel_for(pieces_.size(), threads_, [&](std::size_t i) {
      auto& piece = pieces_[i];
      if (piece.joined && separator) piece.ids.push_back(*separator);
      if (piece.begins && begin && (!piece.joined || begin != separator)) {
        piece.ids.push_back(*begin);
      }
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
    bool begins;  // with the token that begins a text
    std::vector<TokenId> ids;
  };
  const Tokenizer& tokenizer_;
  SpecialTokens special_;
  int threads_;
  bool begin_texts_;
  TokenSink sink_;
  std::vector<Piece> pieces_;
  std::size_t pending_bytes_ = 0;
  bool any_ = false;
};

void for_each_kept(const TextFiles& text, const std::function<void(const Document&)>& visit) {
  std::size_t number = 0;
  for_each_document(text.files, [&](const Document& document) {
    const std::size_t at = number++;
    if (text.kept.empty()) return visit(document);
    require(at < text.kept.size(), document.file.string(),
            ": has more documents than when it was filtered; do not change files while they are "
            "read");
    if (text.kept[at]) visit(document);
  });
}

}  // namespace

TextCounts count_text(const TextFiles& text) {
  TextCounts counts;
  bool warned = false;
  for_each_kept(text, [&](const Document& document) {
    ++counts.documents;
    counts.characters += count_characters(document.text);
    counts.bytes += std::ssize(document.text);
    if (warned || is_valid_utf8(document.text)) return;
    warned = true;
    log_warning(document.file.string(),
                document.line > 0 ? concat(":", document.line) : std::string(),
                ": not UTF-8; its bytes are tokenized unchanged");
  });
  return counts;
}

void encode_documents(const TextFiles& text, const Tokenizer& tokenizer,
                      const EncodeDocuments& options, const TokenSink& train_sink,
                      const TokenSink& validation_sink) {
  Encoder train(tokenizer, options, train_sink), validation(tokenizer, options, validation_sink);
  constexpr std::int64_t kMegabyte = 1'000'000;
  Progress progress("tokenizing", (options.counts.bytes + kMegabyte - 1) / kMegabyte, "MB");
  std::int64_t bytes = 0, left = options.train_characters;
  for_each_kept(text, [&](const Document& document) {
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

}  // namespace gptkit
