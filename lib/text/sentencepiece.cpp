#include "text/sentencepiece.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "text/unicode.h"
#include "text/word_list.h"

namespace sentencepiece::logging {
void SetMinLogLevel(int level);  // exported by the library, in none of its installed headers
}

namespace gptkit {
namespace {

constexpr std::uint64_t kMaxModelBytes = std::uint64_t{1} << 28;
constexpr std::size_t kMaxPieces = std::size_t{1} << 22;
constexpr std::size_t kMaxPieceBytes = 1024;
constexpr std::string_view kMetaBlank = "\xe2\x96\x81";      // U+2581, a blank inside a piece
constexpr std::string_view kReserved = "\xe2\x96\x85";       // U+2585, the trainer's own
constexpr std::string_view kUnknownText = " \xe2\x81\x87 ";  // U+2047, as the library prints it

enum class PieceType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

/// What gptkit needs to know of a model, read by ourselves.
struct ModelSummary {
  std::vector<Piece> pieces;
  std::int64_t algorithm = 1;  // 1 unigram, 2 bpe, 3 word, 4 char
  bool byte_fallback = false, blank_as_suffix = false;
  bool dummy_prefix = true, remove_extra_blanks = true;
  bool normalizes = false;

  bool lossless() const {
    return byte_fallback && !dummy_prefix && !remove_extra_blanks && !normalizes;
  }
};

/// One field of a protocol buffer message after the other.
class WireReader {
 public:
  WireReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  /// Moves to the next field; false at the end.
  bool next() {
    if (bytes_.empty()) return false;
    const std::uint64_t tag = varint();
    field_ = tag >> 3;
    check(field_ > 0);
    payload_ = {};
    number_ = 0;
    wire_type_ = static_cast<int>(tag & 7);
    if (wire_type_ == 0) {
      number_ = varint();
    } else if (wire_type_ == 1) {
      payload_ = take(8);
    } else if (wire_type_ == 2) {
      payload_ = take(varint());
    } else {
      check(wire_type_ == 5);
      payload_ = take(4);
    }
    return true;
  }

  std::uint64_t field() const { return field_; }
  std::string_view message() const { return check(wire_type_ == 2), payload_; }
  std::uint64_t number() const { return check(wire_type_ == 0), number_; }
  float real() const {
    check(wire_type_ == 5);
    float value = 0;
    std::memcpy(&value, payload_.data(), sizeof value);
    return value;
  }

 private:
  std::string_view bytes_, payload_;
  const std::string& where_;
  std::uint64_t field_ = 0, number_ = 0;
  int wire_type_ = 0;

  void check(bool ok) const {
    require(ok, where_, ": not a SentencePiece model, or a damaged one");
  }
  std::string_view take(std::uint64_t n) {
    check(n <= bytes_.size());
    const auto taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    check(false);
    return 0;
  }
};

/// The byte of "<0x41>", or -1.
int byte_of_piece(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const auto high = kHex.find(text[3]), low = kHex.find(text[4]);
  return high == kHex.npos || low == kHex.npos ? -1 : static_cast<int>(high * 16 + low);
}

Piece read_piece(std::string_view bytes, std::size_t id, const std::string& where) {
  Piece piece;
  for (WireReader reader(bytes, where); reader.next();) {
    if (reader.field() == 1) piece.text = reader.message();
    if (reader.field() == 2) piece.score = reader.real();
    if (reader.field() == 3) {
      require(reader.number() >= 1 && reader.number() <= 6, where, ": piece ", id, " has type ",
              reader.number(), ", expected 1 to 6");
      piece.type = static_cast<PieceType>(reader.number());
    }
  }
  require(!piece.text.empty() && piece.text.size() <= kMaxPieceBytes, where, ": piece ", id,
          " has ", piece.text.size(), " bytes, expected 1 to ", kMaxPieceBytes);
  require(is_valid_utf8(piece.text), where, ": piece ", id, " is not UTF-8");
  require(std::isfinite(piece.score), where, ": piece ", id, " has the score ", piece.score);
  require(piece.type != PieceType::kByte || byte_of_piece(piece.text) >= 0, where, ": piece ", id,
          " is of type byte but not named like <0x41>");
  return piece;
}

/// The normalisation table is a Darts double array (4 bytes a unit) behind its size, then the
/// replacements, each ended by NUL. The library follows its offsets unchecked.
void check_charsmap(std::string_view table, const std::string& where) {
  if (table.empty()) return;
  const auto damaged = [&](bool ok) { require(ok, where, ": the normalisation table is damaged"); };
  const auto number_at = [&](std::size_t at) {
    const auto* b = reinterpret_cast<const unsigned char*>(table.data() + at);
    return std::uint32_t{b[0]} | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 |
           std::uint32_t{b[3]} << 24;
  };
  damaged(table.size() > 4);
  const std::size_t trie_bytes = number_at(0);
  damaged(trie_bytes >= 1024 && trie_bytes % 1024 == 0 && trie_bytes < table.size() - 4);
  const std::size_t units = trie_bytes / 4, texts = table.size() - 4 - trie_bytes;
  damaged(table.back() == '\0');
  for (std::size_t i = 0; i < units; ++i) {
    const std::uint32_t unit = number_at(4 + 4 * i);
    if (unit >> 31) {
      damaged((unit & 0x7fffffff) < texts);  // a leaf: where its replacement begins
    } else {
      const std::size_t offset = static_cast<std::size_t>(unit >> 10) << ((unit & 0x200) >> 6);
      damaged(((i ^ offset) | 0xff) < units);  // its children lie in one block of 256
    }
  }
}

ModelSummary summarize(std::string_view bytes, const std::string& where) {
  ModelSummary model;
  for (WireReader reader(bytes, where); reader.next();) {
    if (reader.field() == 1) {
      require(model.pieces.size() < kMaxPieces, where, ": more than ", kMaxPieces, " pieces");
      model.pieces.push_back(read_piece(reader.message(), model.pieces.size(), where));
    } else if (reader.field() == 2) {
      for (WireReader spec(reader.message(), where); spec.next();) {
        if (spec.field() == 3) model.algorithm = static_cast<std::int64_t>(spec.number());
        if (spec.field() == 24) model.blank_as_suffix = spec.number() != 0;
        if (spec.field() == 35) model.byte_fallback = spec.number() != 0;
      }
    } else if (reader.field() == 3 || reader.field() == 5) {
      const bool normalizer = reader.field() == 3;
      for (WireReader spec(reader.message(), where); spec.next();) {
        if (spec.field() == 2) {
          check_charsmap(spec.message(), where);
          if (!spec.message().empty()) model.normalizes = true;
        }
        if (normalizer && spec.field() == 3) model.dummy_prefix = spec.number() != 0;
        if (normalizer && spec.field() == 4) model.remove_extra_blanks = spec.number() != 0;
      }
    }
  }
  require(!model.pieces.empty(), where, ": not a SentencePiece model: it has no pieces");
  require(model.algorithm >= 1 && model.algorithm <= 4, where, ": unknown model type ",
          model.algorithm);
  require(!model.blank_as_suffix, where,
          ": models trained with treat_whitespace_as_suffix are not supported");
  return model;
}

/// The library's messages are "KIND: source(line) [condition] explanation".
std::string explanation(const sentencepiece::util::Status& status) {
  std::string text = status.ToString();
  if (const auto at = text.rfind("] "); at != text.npos && at + 2 < text.size()) {
    text = text.substr(at + 2);
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

/// What a piece stands for in a text.
std::string text_of(const Piece& piece) {
  if (piece.type == PieceType::kByte) {
    return std::string(1, static_cast<char>(byte_of_piece(piece.text)));
  }
  if (piece.type == PieceType::kUnknown) return std::string(kUnknownText);
  if (piece.type == PieceType::kControl) return piece.text;
  std::string text;
  for (std::size_t at = 0; at < piece.text.size(); ++at) {
    if (piece.text.compare(at, kMetaBlank.size(), kMetaBlank) == 0) {
      text += ' ';
      at += kMetaBlank.size() - 1;
    } else {
      text += piece.text[at];
    }
  }
  return text;
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string bytes, const std::string& where)
      : bytes_(std::move(bytes)), model_(summarize(bytes_, where)) {
    sentencepiece::logging::SetMinLogLevel(3);  // fatal ones only: errors come back as a Status
    const auto status = processor_.LoadFromSerializedProto(bytes_);
    require(status.ok(), where, ": ", explanation(status));
    byte_ids_.fill(-1);
    for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
      const Piece& piece = model_.pieces[i];
      const auto id = static_cast<TokenId>(i);
      texts_.push_back(text_of(piece));
      if (piece.type == PieceType::kControl) {
        special_.emplace(piece.text, id);
        begins_special_[static_cast<std::uint8_t>(piece.text[0])] = true;
      }
      if (piece.type == PieceType::kByte) byte_ids_[byte_of_piece(piece.text)] = id;
      if (piece.type == PieceType::kUserDefined && piece.text == "\n") newline_ = id;
    }
    for (const TokenId id : byte_ids_) has_bytes_ = has_bytes_ && id >= 0;
  }

  void encode_append(std::string_view text, std::vector<TokenId>& ids,
                     SpecialTokens special) const override {
    if (special == SpecialTokens::kAsText || special_.empty()) return encode_plain(text, ids);
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size();) {
      if (!begins_special_[static_cast<std::uint8_t>(text[at])]) {
        ++at;
        continue;
      }
      const auto [id, bytes] = special_at(text.substr(at));
      if (bytes == 0) {
        ++at;
        continue;
      }
      encode_plain(text.substr(begin, at - begin), ids);
      ids.push_back(id);
      begin = at += bytes;
    }
    encode_plain(text.substr(begin), ids);
  }

  std::string token_bytes(TokenId id) const override {
    require(contains(id), "token id ", id, " is outside the vocabulary, 0 to ", vocab_size() - 1);
    return texts_[static_cast<std::size_t>(id)];
  }

  /// The bytes of the ids, without the blank that the model itself puts in front of a text.
  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    bool at_start = model_.dummy_prefix;
    for (const TokenId id : ids) {
      std::string bytes = token_bytes(id);
      const auto type = model_.pieces[static_cast<std::size_t>(id)].type;
      if (at_start && type != PieceType::kControl) {
        if (type != PieceType::kUnknown && bytes.starts_with(' ')) bytes.erase(0, 1);
        at_start = false;
      }
      text += bytes;
    }
    return text;
  }

  std::int64_t vocab_size() const override {
    return static_cast<std::int64_t>(model_.pieces.size());
  }
  std::optional<TokenId> special_id(std::string_view text) const override {
    const auto found = special_.find(std::string(text));
    return found == special_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<TokenId> end_of_text() const override {
    if (const auto id = special_id(kEndOfTextToken)) return id;
    const int id = processor_.eos_id();
    return id >= 0 ? std::optional<TokenId>(id) : std::nullopt;
  }
  std::string algorithm() const override {
    constexpr std::array kNames = {"unigram", "bpe", "word", "char"};
    return kNames[static_cast<std::size_t>(model_.algorithm - 1)];
  }
  void save(const std::filesystem::path& folder) const override {
    write_file_atomic(folder / kSentencePieceFile, bytes_);
  }

 private:
  std::string bytes_;
  ModelSummary model_;
  std::vector<std::string> texts_;  // by id
  sentencepiece::SentencePieceProcessor processor_;
  std::unordered_map<std::string, TokenId> special_;
  std::array<bool, 256> begins_special_{};
  std::array<TokenId, 256> byte_ids_;
  bool has_bytes_ = true;
  std::optional<TokenId> newline_;

  std::pair<TokenId, std::size_t> special_at(std::string_view text) const {
    std::pair<TokenId, std::size_t> longest{0, 0};
    for (const auto& [token, id] : special_) {
      if (token.size() > longest.second && text.starts_with(token)) longest = {id, token.size()};
    }
    return longest;
  }

  void encode_bytes(std::string_view bytes, std::vector<TokenId>& ids) const {
    for (const char c : bytes) ids.push_back(byte_ids_[static_cast<std::uint8_t>(c)]);
  }

  void encode_by_library(std::string_view text, std::vector<TokenId>& ids) const {
    if (text.empty()) return;
    std::vector<int> found;
    const auto status = processor_.Encode({text.data(), text.size()}, &found);
    if (!status.ok()) fail_runtime("SentencePiece cannot encode this text: ", explanation(status));
    ids.insert(ids.end(), found.begin(), found.end());
  }

  /// In a lossless model, what the library would change goes around it as bytes: U+2581 (its mark
  /// for a blank) and what is not UTF-8. Lines go one by one: a line end is a piece of its own.
  void encode_plain(std::string_view text, std::vector<TokenId>& ids) const {
    if (!model_.lossless() || !has_bytes_) return encode_by_library(text, ids);
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text, at);
      const bool newline = c.code == '\n' && newline_;
      if (c.valid && c.code != 0x2581 && !newline) {
        at += c.bytes;
        continue;
      }
      encode_by_library(text.substr(begin, at - begin), ids);
      if (newline) {
        ids.push_back(*newline_);
      } else {
        encode_bytes(text.substr(at, c.bytes), ids);
      }
      begin = at += c.bytes;
    }
    encode_by_library(text.substr(begin), ids);
  }
};

class LineIterator final : public sentencepiece::SentenceIterator {
 public:
  explicit LineIterator(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return at_ == lines_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return lines_[at_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  std::size_t at_ = 0;
};

}  // namespace

std::shared_ptr<const Tokenizer> load_sentencepiece(const std::filesystem::path& file) {
  return std::make_shared<SentencePieceTokenizer>(read_file(file, kMaxModelBytes), file.string());
}

void SentencePieceText::add(std::string_view text, const std::string& where) {
  require_utf8(text, where);
  std::size_t begin = 0, last_blank = 0;
  const auto end_line = [&](std::size_t end) {
    if (end > begin) lines_.emplace_back(text.substr(begin, end - begin));
  };
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const auto character = text.substr(at, c.bytes);
    if (c.code == '\n' || c.code == '\t' || c.code == 0 || character == kMetaBlank ||
        character == kReserved) {
      end_line(at);
      begin = at + c.bytes;
    } else if (at + c.bytes - begin > kMaxLine) {
      const std::size_t cut = last_blank > begin ? last_blank : at;
      end_line(cut);
      begin = cut;
    }
    if (c.code == ' ') last_blank = at;
    at += c.bytes;
  }
  end_line(text.size());
}

std::shared_ptr<const Tokenizer> train_sentencepiece(const SentencePieceText& text,
                                                     const SentencePieceOptions& options) {
  require(!text.lines().empty(), "there is no text to learn a vocabulary from");
  constexpr std::int64_t kOwn = 256 + 4;  // bytes; <unk> <|endoftext|> \n \t
  require(options.vocab_size > kOwn, "vocabulary size ", options.vocab_size,
          " is too small: 256 bytes and 4 symbols need ", kOwn, ", the text's pieces come on top");
  require(options.vocab_size <= static_cast<std::int64_t>(kMaxPieces), "vocabulary size ",
          options.vocab_size, " is too large, the most is ", kMaxPieces);
  const bool unigram = options.algorithm == SentencePieceOptions::Algorithm::kUnigram;
  LineIterator lines(text.lines());
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      {{"model_type", unigram ? "unigram" : "bpe"},
       {"vocab_size", std::to_string(options.vocab_size)},
       {"num_threads", std::to_string(options.threads)},
       {"normalization_rule_name", "identity"},
       {"remove_extra_whitespaces", "false"},
       {"add_dummy_prefix", "false"},
       {"byte_fallback", "true"},
       {"allow_whitespace_only_pieces", "true"},
       {"max_sentence_length", std::to_string(4 * SentencePieceText::kMaxLine)},
       {"control_symbols", kEndOfTextToken},
       {"user_defined_symbols", "\n,\t"},
       {"unk_id", "0"},
       {"bos_id", "-1"},
       {"eos_id", "-1"},
       {"pad_id", "-1"},
       {"minloglevel", "3"}},
      &lines, &model);
  require(status.ok(), "SentencePiece: ", explanation(status));
  return std::make_shared<SentencePieceTokenizer>(std::move(model), "trained SentencePiece model");
}

}  // namespace gptkit
