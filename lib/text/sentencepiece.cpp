#include "text/sentencepiece.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/sentencepiece_folder.h"
#include "text/tokenizer_files.h"
#include "text/unicode.h"
#include "text/word_list.h"

namespace sentencepiece::logging {
void SetMinLogLevel(int level);  // exported by the library, in none of its installed headers
}

namespace gptkit {
namespace {

constexpr std::uint64_t kMaxModelBytes = std::uint64_t{1} << 28;
constexpr std::string_view kMetaBlank = "\xe2\x96\x81";      // U+2581, a blank inside a piece
constexpr std::string_view kReserved = "\xe2\x96\x85";       // U+2585, the trainer's own
constexpr std::string_view kUnknownText = " \xe2\x81\x87 ";  // U+2047, as the library prints it

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
std::string text_of(const SentencePiece& piece) {
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
  SentencePieceTokenizer(std::string bytes, const SentencePieceRoles& roles,
                         const std::string& where)
      : bytes_(std::move(bytes)), model_(read_sentencepiece_model(bytes_, where)), roles_(roles) {
    sentencepiece::logging::SetMinLogLevel(3);  // fatal ones only: errors come back as a Status
    const auto status = processor_.LoadFromSerializedProto(bytes_);
    require(status.ok(), where, ": ", explanation(status));
    if (!roles_.legacy && model_.dummy_prefix) {
      // Protocol buffers merge a message that comes twice: normalizer_spec {add_dummy_prefix:
      // false}.
      constexpr std::string_view kNoPrefix("\x1A\x02\x18\x00", 4);
      behind_special_ = std::make_unique<sentencepiece::SentencePieceProcessor>();
      const auto second = behind_special_->LoadFromSerializedProto(concat(bytes_, kNoPrefix));
      require(second.ok(), where, ": ", explanation(second));
    }
    byte_ids_.fill(-1);
    for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
      const SentencePiece& piece = model_.pieces[i];
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
    auto around = roles_.frame.before;
    around.insert(around.end(), roles_.frame.behind.begin(), roles_.frame.behind.end());
    if (roles_.end_of_text) around.push_back(*roles_.end_of_text);
    for (const TokenId id : around) {
      require(contains(id), where, ": the token that begins or ends a text is ", id,
              ", outside the vocabulary of ", vocab_size());
    }
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
      encode_part(text, begin, at, ids);
      ids.push_back(id);
      begin = at += bytes;
    }
    encode_part(text, begin, text.size(), ids);
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
  TextFrame frame() const override { return roles_.frame; }
  std::string vocabulary_text(TokenId id) const override {
    return token_bytes(id), model_.pieces[static_cast<std::size_t>(id)].text;
  }
  bool keeps_files() const override { return keeps_whole_tokenizer(files_); }
  void keep_files(TokenizerFiles files) { files_ = std::move(files); }
  std::optional<TokenId> end_of_text() const override {
    if (roles_.end_of_text) return roles_.end_of_text;
    if (const auto id = special_id(kEndOfTextToken)) return id;
    return of_library(processor_.eos_id());
  }
  std::string algorithm() const override {
    constexpr std::array kNames = {"unigram", "bpe", "word", "char"};
    return kNames[static_cast<std::size_t>(model_.algorithm - 1)];
  }
  void save(const std::filesystem::path& folder) const override;

  const SentencePieceModel& model() const { return model_; }
  std::optional<TokenId> unknown() const { return of_library(processor_.unk_id()); }
  std::optional<TokenId> begin_piece() const { return of_library(processor_.bos_id()); }
  std::optional<TokenId> pad() const { return of_library(processor_.pad_id()); }

 private:
  static std::optional<TokenId> of_library(int id) {
    return id >= 0 ? std::optional<TokenId>(id) : std::nullopt;
  }

  std::string bytes_;
  TokenizerFiles files_;
  SentencePieceModel model_;
  SentencePieceRoles roles_;
  std::vector<std::string> texts_;  // by id
  sentencepiece::SentencePieceProcessor processor_;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> behind_special_;  // none: the same
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
    encode_by(processor_, text, ids);
  }

  static void encode_by(const sentencepiece::SentencePieceProcessor& processor,
                        std::string_view text, std::vector<TokenId>& ids) {
    if (text.empty()) return;
    std::vector<int> found;
    const auto status = processor.Encode({text.data(), text.size()}, &found);
    if (!status.ok()) fail_runtime("SentencePiece cannot encode this text: ", explanation(status));
    ids.insert(ids.end(), found.begin(), found.end());
  }

  /// What stands between two special tokens.
  void encode_part(std::string_view text, std::size_t begin, std::size_t end,
                   std::vector<TokenId>& ids) const {
    const auto part = text.substr(begin, end - begin);
    if (begin > 0 && behind_special_) return encode_by(*behind_special_, part, ids);
    encode_plain(part, ids);
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

/// For `transformers`, which wants to know the class and the roles: of a BPE model with a piece
/// that begins texts, as Llama's have.
void SentencePieceTokenizer::save(const fs::path& folder) const {
  if (keeps_files()) return write_tokenizer_files(files_, folder);
  write_file_atomic(folder / kSentencePieceFile, bytes_);
  if (!begin_piece() || model_.algorithm != 2) return;
  const auto text = [&](TokenId id) { return model_.pieces[static_cast<std::size_t>(id)].text; };
  OrderedJson config = {{"tokenizer_class", "LlamaTokenizer"}, {"legacy", true}};
  const auto& [before, behind] = roles_.frame;
  config["add_bos_token"] = !before.empty();
  config["add_eos_token"] = !behind.empty();
  config["clean_up_tokenization_spaces"] = false;
  config["bos_token"] = text(before.empty() ? *begin_piece() : before.front());
  if (const auto end = end_of_text()) config["eos_token"] = text(*end);
  if (const auto id = unknown()) config["unk_token"] = text(*id);
  write_file_atomic(folder / "tokenizer_config.json", dump_json(config, 2) + "\n");
}

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

std::shared_ptr<const Tokenizer> load_sentencepiece(const fs::path& file) {
  const std::string where = file.string();
  const fs::path folder = file.parent_path();
  std::string bytes = read_file(file, kMaxModelBytes);
  require_real_file(bytes, where);
  SentencePieceModel model = read_sentencepiece_model(bytes, where);
  const auto added = pieces_beside(folder, model, where);
  bytes += piece_bytes(added);
  model.pieces.insert(model.pieces.end(), added.begin(), added.end());
  auto tokenizer = std::make_shared<SentencePieceTokenizer>(std::move(bytes),
                                                            roles_beside(folder, model), where);
  if (file.filename() == kSentencePieceFile) tokenizer->keep_files(read_tokenizer_files(folder));
  return tokenizer;
}

std::shared_ptr<const Tokenizer> sentencepiece_from_bytes(std::string bytes,
                                                          const SentencePieceRoles& roles,
                                                          const std::string& where) {
  return std::make_shared<SentencePieceTokenizer>(std::move(bytes), roles, where);
}

std::optional<SentencePieceBpe> sentencepiece_bpe(const Tokenizer& tokenizer) {
  const auto* own = dynamic_cast<const SentencePieceTokenizer*>(&tokenizer);
  if (!own) return std::nullopt;
  const SentencePieceModel& model = own->model();
  require(model.algorithm == 2 && model.byte_fallback && !model.remove_extra_blanks &&
              !model.normalizes,
          "only SentencePiece models of the kind of Llama's (BPE, unknown characters as bytes, no "
          "normalisation) can be stored in GGUF; this one is ",
          own->algorithm(), model.byte_fallback ? "" : " without bytes",
          model.normalizes || model.remove_extra_blanks ? " and normalises" : "");
  return SentencePieceBpe{model.pieces,       model.dummy_prefix, own->unknown(),
                          own->begin_piece(), own->end_of_text(), own->pad()};
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
  require(options.vocab_size <= static_cast<std::int64_t>(kMaxSentencePieces), "vocabulary size ",
          options.vocab_size, " is too large, the most is ", kMaxSentencePieces);
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
  return sentencepiece_from_bytes(std::move(model), {}, "trained SentencePiece model");
}

}  // namespace gptkit
