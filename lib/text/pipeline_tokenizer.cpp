#include "text/pipeline_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_pipeline.h"
#include "text/normalizer.h"
#include "text/special_finder.h"
#include "text/symbol_bpe.h"
#include "text/text_splitter.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

/// What becomes of tokens on the way back to text.
struct Decoder {
  bool byte_level = false, byte_fallback = false;
  std::vector<std::pair<std::string, std::string>> replacements = {};
  std::string metaspace = {};  // stands for a blank; empty: not a Metaspace
  bool drop_first = false;     // those of the first token are left out
  std::string strip = {};      // text around the whole that is left out
  std::int64_t strip_left = 0, strip_right = 0;

  /// The text of a token of the vocabulary.
  std::string text_of(std::string_view token) const {
    if (byte_level) return byte_level_bytes(token).value_or(std::string(token));
    std::string text(token);
    for (const auto& [pattern, content] : replacements) text = replaced(text, pattern, content);
    if (const int byte = byte_fallback ? byte_of_token(text) : -1; byte >= 0) {
      return std::string(1, static_cast<char>(byte));
    }
    return metaspace.empty() ? text : replaced(text, metaspace, " ");
  }

  static int byte_of_token(std::string_view text) {
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
    int byte = 0;
    for (const char c : text.substr(3, 2)) {
      const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F';
      const bool lower = c >= 'a' && c <= 'f';
      if (!digit && !upper && !lower) return -1;
      byte = byte * 16 + (digit ? c - '0' : upper ? c - 'A' + 10 : c - 'a' + 10);
    }
    return byte;
  }
};

void read_strip(const Json& part, const std::string& where, Decoder& decoder) {
  decoder.strip = json_string(part, "content", where);
  decoder.strip_left = json_int(part, "start", where, 0);
  decoder.strip_right = json_int(part, "stop", where, 0);
  require(!decoder.strip.empty() && decoder.strip_left >= 0 && decoder.strip_right >= 0, where,
          ": a Strip of '", printable(decoder.strip), "', ", decoder.strip_left, " and ",
          decoder.strip_right, " times, is not supported");
}

Decoder read_decoder(const Json& file, const std::string& file_name) {
  const std::string where = file_name + ": decoder";
  Decoder decoder;
  bool fused = false, last = false;
  const auto parts = pipeline_parts(file, "decoder", "decoders", where);
  for (const Json& part : parts) {
    const std::string type = json_string(part, "type", where);
    require(!last, where, ": ", printable(type), " behind the last step is not supported");
    if (type == "Replace" && !decoder.byte_fallback && !fused) {
      decoder.replacements.emplace_back(fixed_pattern(part, where + ": Replace"),
                                        json_string(part, "content", where));
    } else if (type == "ByteFallback" && !fused) {
      decoder.byte_fallback = true;
    } else if (type == "Fuse") {
      fused = true;
    } else if (type == "Strip" && fused) {
      read_strip(part, where, decoder);
      last = true;
    } else if (type == "ByteLevel" && parts.size() == 1) {
      decoder.byte_level = true;
    } else if (type == "Metaspace" && parts.size() == 1) {
      decoder.metaspace = json_string(part, "replacement", where);
      const bool prefix = json_bool(part, "add_prefix_space", where, true);  // of older files
      decoder.drop_first =
          json_string(part, "prepend_scheme", where, prefix ? "always" : "never") != "never";
    } else {
      fail(where, ": unsupported decoder ", printable(type), " at this place; expected ByteLevel, ",
           "Metaspace, or a Sequence of Replace, ByteFallback, Fuse and Strip in this order");
    }
  }
  require(!parts.empty(), where, ": unsupported decoder none; it would put blanks between tokens");
  return decoder;
}

/// White space before `end` in a text, back to `begin`; the first position of it.
std::size_t space_begin(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t space = end;
  for (std::size_t at = begin; at < end;) {
    const Utf8Char c = decode_utf8(text, at);
    const bool is_space = c.valid && char_class(c.code) == CharClass::kSpace;
    if (!is_space) space = end;
    if (is_space && space == end) space = at;
    at += c.bytes;
  }
  return space;
}

std::size_t space_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid || char_class(c.code) != CharClass::kSpace) break;
    at += c.bytes;
  }
  return at;
}

bool word_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return false;
  const Utf8Char c = decode_utf8(text, at);
  return c.valid && is_word_character(c.code);
}

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = at - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return word_at(text, begin);
}

/// The added tokens that are looked for together: before or behind the normalizers.
class AddedTokenCutter {
 public:
  void add(const AddedToken& token, std::string text) {
    if (text.empty()) return;
    texts_.push_back(std::make_unique<std::string>(std::move(text)));
    finder_.add(*texts_.back(), token.id);
    tokens_.emplace(token.id, token);
  }
  void finish() { finder_.put_longest_first(); }

  /// Calls on_text(begin, end) and on_token(id) for the parts of a text in order.
  template <class OnText, class OnToken>
  void cut(std::string_view text, SpecialTokens allowed, const OnText& on_text,
           const OnToken& on_token) const {
    std::size_t done = 0;
    for (std::size_t from = 0; !finder_.empty();) {
      const auto match = finder_.next(text, from);
      if (match.at >= text.size()) break;
      const AddedToken& token = tokens_.at(match.id);
      std::size_t begin = match.at, end = match.at + match.bytes;
      from = end;
      if (token.special && allowed == SpecialTokens::kAsText) continue;
      if (token.single_word && (word_before(text, begin) || word_at(text, end))) continue;
      if (token.left_strip) begin = std::max(space_begin(text, done, begin), done);
      if (token.right_strip) end = space_end(text, end);
      if (done < begin) on_text(done, begin);
      on_token(match.id);
      done = std::max(done, end);
    }
    if (done < text.size()) on_text(done, text.size());
  }

 private:
  SpecialFinder finder_;
  std::vector<std::unique_ptr<std::string>> texts_;
  std::unordered_map<TokenId, AddedToken> tokens_;
};

class PipelineTokenizer final : public Tokenizer {
 public:
  struct Parts {
    std::vector<std::string> tokens;  // by id
    AddedTokens added;
    std::vector<Normalizer> normalizers;
    std::vector<SplitStep> steps;
    SymbolBpeModel model;
    Decoder decoder;
    TextFrame frame;
    std::optional<TokenId> end_of_text;
    TokenizerFiles files;
  };

  PipelineTokenizer(Parts parts, const std::string& where)
      : tokens_(std::move(parts.tokens)),
        normalizers_(std::move(parts.normalizers)),
        steps_(std::move(parts.steps)),
        bpe_(std::move(parts.model), where),
        decoder_(std::move(parts.decoder)),
        frame_(std::move(parts.frame)),
        end_of_text_(parts.end_of_text),
        files_(std::move(parts.files)),
        added_(std::move(parts.added)) {
    for (const std::string& token : tokens_) texts_.push_back(decoder_.text_of(token));
    for (const AddedToken& token : added_.list()) {
      special_.emplace(token.text, token.id);
      std::string& text = texts_[static_cast<std::size_t>(token.id)];
      if (decoder_.byte_level) text = token.text;
      if (token.normalized) {
        const std::string normal = normalize(normalizers_, token.text);
        text = decoder_.byte_level ? normal : decoder_.text_of(normal);
        normalized_.add(token, normal);
      } else {
        raw_.add(token, token.text);
      }
    }
    raw_.finish();
    normalized_.finish();
  }

  void encode_append(std::string_view text, std::vector<TokenId>& ids,
                     SpecialTokens special) const override {
    const auto on_token = [&](TokenId id) { ids.push_back(id); };
    const auto encode_part = [&](std::size_t begin, std::size_t end) {
      const std::string normal = normalize(normalizers_, text.substr(begin, end - begin));
      normalized_.cut(
          normal, special,
          [&](std::size_t from, std::size_t to) {
            encode_plain(normal.substr(from, to - from), begin == 0 && from == 0, ids);
          },
          on_token);
    };
    raw_.cut(text, special, encode_part, on_token);
  }

  std::string token_bytes(TokenId id) const override {
    require(contains(id), "token id ", id, " is outside the vocabulary, 0 to ", vocab_size() - 1);
    return texts_[static_cast<std::size_t>(id)];
  }

  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::string bytes = token_bytes(ids[i]);
      const bool first = i == 0 && decoder_.drop_first;
      text += first ? replaced(vocabulary_text(ids[i]), decoder_.metaspace, "") : bytes;
    }
    const auto& strip = decoder_.strip;
    for (std::int64_t n = 0; n < decoder_.strip_left && text.starts_with(strip); ++n) {
      text.erase(0, strip.size());
    }
    for (std::int64_t n = 0; n < decoder_.strip_right && text.ends_with(strip); ++n) {
      text.resize(text.size() - strip.size());
    }
    return text;
  }

  std::int64_t vocab_size() const override { return std::ssize(tokens_); }
  std::optional<TokenId> special_id(std::string_view text) const override {
    const auto found = special_.find(std::string(text));
    return found == special_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<TokenId> end_of_text() const override { return end_of_text_; }
  TextFrame frame() const override { return frame_; }
  std::string algorithm() const override { return "bpe"; }
  std::string vocabulary_text(TokenId id) const override {
    return token_bytes(id), tokens_[static_cast<std::size_t>(id)];
  }
  bool keeps_files() const override { return true; }
  /// As a SentencePiece model, whose pieces' scores give the order of the merges.
  SentencePieceBpe as_sentencepiece() const;
  void save(const std::filesystem::path& folder) const override {
    write_tokenizer_files(files_, folder);
  }

 private:
  std::vector<std::string> tokens_, texts_;  // by id: as the vocabulary has it, and what it means
  std::vector<Normalizer> normalizers_;
  std::vector<SplitStep> steps_;
  SymbolBpe bpe_;
  Decoder decoder_;
  TextFrame frame_;
  std::optional<TokenId> end_of_text_;
  TokenizerFiles files_;
  AddedTokens added_;
  std::unordered_map<std::string, TokenId> special_;
  AddedTokenCutter raw_, normalized_;

  void encode_plain(std::string text, bool at_start, std::vector<TokenId>& ids) const {
    for (const auto& piece : split_text(steps_, std::move(text), at_start)) {
      bpe_.encode(piece, ids);
    }
  }
};

constexpr const char* kNoSentencePiece =
    "this tokenizer.json has no form as a SentencePiece model (GGUF's llama vocabulary): ";

/// Whether a text gets a blank in front; fails where more happens to it than blanks becoming "▁".
bool has_dummy_prefix(const std::vector<Normalizer>& normalizers,
                      const std::vector<SplitStep>& steps) {
  constexpr const char* kBlank = "\xE2\x96\x81";
  const Normalizer replace{.kind = Normalizer::Kind::kReplace, .pattern = " ", .content = kBlank};
  const Normalizer prepend{.kind = Normalizer::Kind::kPrepend, .content = kBlank};
  if (steps.empty() && normalizers == std::vector{prepend, replace}) return true;
  if (steps.empty() && normalizers == std::vector{replace}) return false;
  const bool metaspace = normalizers.empty() && steps.size() == 1 && !steps[0].split &&
                         steps[0].kind == SplitStep::Kind::kMetaspace && steps[0].text == kBlank;
  require(metaspace, kNoSentencePiece, "its normalizer or pre_tokenizer does more than Llama's");
  if (steps[0].prepend == SplitStep::Prepend::kNever) return false;
  log_warning("SentencePiece models (GGUF's llama vocabulary) put a blank in front of every text, ",
              "this tokenizer's Metaspace not before one that begins with a blank: the ids of ",
              "such texts will differ");
  return true;
}

/// The rank of the merges that make each token. SentencePiece merges any two pieces whose text is a
/// piece, by that piece's score: the same where all such merges are there, token by token.
std::unordered_map<TokenId, std::size_t> ranks_by_token(const SymbolBpeModel& model) {
  std::unordered_map<TokenId, std::size_t> first, count;
  std::optional<TokenId> current;
  for (std::size_t rank = 0; rank < model.merges.size(); ++rank) {
    const auto& [left, right] = model.merges[rank];
    const TokenId made = model.vocabulary.at(left + right);
    const bool starts = first.emplace(made, rank).second;
    require(starts || current == made, kNoSentencePiece, "the merges that make '",
            printable(left + right), "' do not stand together");
    current = made;
    ++count[made];
  }
  for (const auto& [text, id] : model.vocabulary) {
    if (!first.contains(id)) continue;
    std::size_t ways = 0;
    for (std::size_t at = 1; at < text.size(); ++at) {
      ways += model.vocabulary.contains(text.substr(0, at)) &&
              model.vocabulary.contains(text.substr(at));
    }
    require(ways == count[id], kNoSentencePiece, "'", printable(text), "' has ", ways,
            " pairs of tokens that make it and ", count[id], " merges");
  }
  return first;
}

SentencePieceBpe PipelineTokenizer::as_sentencepiece() const {
  const SymbolBpeModel& model = bpe_.model();
  require(model.byte_fallback && !model.ignore_merges && !decoder_.byte_level, kNoSentencePiece,
          "it is not BPE of characters with byte_fallback");
  SentencePieceBpe result;
  result.dummy_prefix = has_dummy_prefix(normalizers_, steps_);
  const auto ranks = ranks_by_token(model);
  for (TokenId id = 0; id < vocab_size(); ++id) {
    const std::string& text = tokens_[static_cast<std::size_t>(id)];
    SentencePiece piece{text, 0, PieceType::kNormal};
    if (const auto rank = ranks.find(id); rank != ranks.end()) {
      piece.score = -static_cast<float>(rank->second + 1);
    }
    if (byte_of_piece(text) >= 0) piece.type = PieceType::kByte;
    result.pieces.push_back(std::move(piece));
  }
  for (const AddedToken& token : added_.list()) {
    require(token.is_plain(), kNoSentencePiece, "added token '", printable(token.text),
            "' has lstrip, rstrip or single_word");
    result.pieces[static_cast<std::size_t>(token.id)].type =
        token.special ? PieceType::kControl : PieceType::kUserDefined;
  }
  if (const auto unknown = model.unknown ? model.unknown : special_id("<unk>")) {
    result.unknown = unknown;
    result.pieces[static_cast<std::size_t>(*unknown)].type = PieceType::kUnknown;
  }
  result.begin = frame_.before.empty() ? special_id("<s>") : frame_.before.front();
  result.end = end_of_text();
  return result;
}

/// The tokens by id; ids must be 0, 1, 2 ... without gaps.
std::vector<std::string> tokens_by_id(const Vocabulary& vocabulary, const AddedTokens& added,
                                      const std::string& where) {
  std::vector<std::string> tokens;
  std::vector<bool> known;
  const std::size_t most = vocabulary.size() + added.list().size();
  const auto put = [&](const std::string& text, TokenId id) {
    const auto at = static_cast<std::size_t>(id);
    require(at < most, where, ": token '", printable(text), "' has id ", id, " but there are only ",
            most, " tokens; ids must be 0, 1, 2 ... without gaps");
    if (at >= tokens.size()) tokens.resize(at + 1), known.resize(at + 1);
    require(!known[at] || tokens[at] == text, where, ": id ", id, " is both '",
            printable(tokens[at]), "' and '", printable(text), "'");
    tokens[at] = text;
    known[at] = true;
  };
  for (const auto& [text, id] : vocabulary) put(text, id);
  for (const AddedToken& token : added.list()) {
    const auto found = vocabulary.find(token.text);
    require(found == vocabulary.end() || found->second == token.id, where, ": added token '",
            printable(token.text), "' has id ", token.id, " and, in the vocabulary, another");
    put(token.text, token.id);
  }
  const auto gap = std::find(known.begin(), known.end(), false);
  require(gap == known.end(), where, ": id ", gap - known.begin(),
          " has no token; ids must be 0, 1, 2 ... without gaps");
  return tokens;
}

std::optional<TokenId> find_token(const std::vector<std::string>& tokens, std::string_view text) {
  const auto found = std::find(tokens.begin(), tokens.end(), text);
  if (found == tokens.end()) return std::nullopt;
  return static_cast<TokenId>(found - tokens.begin());
}

/// By the files beside the tokenizer, else the usual ones.
std::optional<TokenId> end_of(const std::vector<std::string>& tokens, const AddedTokens& added,
                              const std::filesystem::path& folder) {
  if (const auto role = token_role(folder, "eos_token")) {
    const auto id = find_token(tokens, role->text);
    require(id.has_value(), role->where, ": eos_token '", printable(role->text),
            "' is not in the vocabulary");
    return id;
  }
  for (const std::string_view usual : {kEndOfText, "</s>"}) {
    for (const AddedToken& token : added.list()) {
      if (token.special && token.text == usual) return token.id;
    }
  }
  return std::nullopt;
}

std::vector<TokenId> checked_ids(const std::vector<TextTemplate::Token>& around,
                                 const std::vector<std::string>& tokens, const std::string& where) {
  std::vector<TokenId> ids;
  for (const auto& [text, id] : around) {
    const bool known =
        id >= 0 && id < std::ssize(tokens) && tokens[static_cast<std::size_t>(id)] == text;
    require(known, where, ": post_processor: '", printable(text), "' with id ", id,
            " is not a token of the vocabulary");
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

bool strips_left(const std::vector<Normalizer>& normalizers) {
  return std::any_of(normalizers.begin(), normalizers.end(), [](const Normalizer& normalizer) {
    return normalizer.kind == Normalizer::Kind::kStrip && normalizer.left;
  });
}

bool prepends_first(const std::vector<SplitStep>& steps) {
  return !steps.empty() && steps.front().prepend == SplitStep::Prepend::kFirst;
}

SymbolBpeModel read_model(const Json& json, const std::string& where) {
  SymbolBpeModel model;
  model.vocabulary = read_vocabulary(json["vocab"], where);
  model.merges = read_merges_list(json["merges"], where);
  model.byte_fallback = json_bool(json, "byte_fallback", where, false);
  model.fuse_unknown = json_bool(json, "fuse_unk", where, false);
  model.ignore_merges = json_bool(json, "ignore_merges", where, false);
  const std::string unknown = json_string(json, "unk_token", where, "");
  if (unknown.empty()) return model;
  const auto found = model.vocabulary.find(unknown);
  if (found == model.vocabulary.end()) {
    model.missing_unknown = unknown;
  } else {
    model.unknown = found->second;
  }
  return model;
}

}  // namespace

bool needs_pipeline(const Json& file, const std::string& where) {
  if (json_bool(file["model"], "byte_fallback", where, false)) return true;
  if (!is_plain_byte_level(file, where)) return true;
  const std::string normalizer = member_type(file, "normalizer", where);
  const bool nfc = normalizer == "NFC";
  if (normalizer != "none" && !nfc) return true;
  const auto added = read_added_tokens(file, where).list();
  return std::any_of(added.begin(), added.end(), [&](const AddedToken& token) {
    // Where texts are cut for several threads, white space may not be inside a token.
    const bool cut = !token.special && !token.text.empty() &&
                     pretoken_safe_cut(token.text, 1) < token.text.size();
    return !token.is_plain() || (nfc && token.normalized) || cut;
  });
}

std::shared_ptr<const Tokenizer> pipeline_tokenizer(const Json& file,
                                                    const std::filesystem::path& path,
                                                    TokenizerFiles files) {
  const std::string where = path.string();
  PipelineTokenizer::Parts parts;
  parts.added = read_added_tokens(file, where);
  parts.normalizers = read_normalizers(file, where);
  parts.steps = read_split_steps(file, where);
  require(
      !strips_left(parts.normalizers) || !prepends_first(parts.steps), where,
      ": normalizer: a Strip on the left before a Metaspace with prepend_scheme 'first' is not ",
      "supported");
  parts.decoder = read_decoder(file, where);
  parts.model = read_model(file["model"], where);
  parts.tokens = tokens_by_id(parts.model.vocabulary, parts.added, where);
  const TextTemplate around = read_post_processor(file, where);
  parts.frame = {checked_ids(around.before, parts.tokens, where),
                 checked_ids(around.behind, parts.tokens, where)};
  parts.end_of_text = end_of(parts.tokens, parts.added, path.parent_path());
  parts.files = std::move(files);
  return std::make_shared<PipelineTokenizer>(std::move(parts), where);
}

std::optional<SentencePieceBpe> pipeline_as_sentencepiece(const Tokenizer& tokenizer) {
  const auto* own = dynamic_cast<const PipelineTokenizer*>(&tokenizer);
  return own ? std::optional(own->as_sentencepiece()) : std::nullopt;
}

}  // namespace gptkit
