#include "text/pipeline_tokenizer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "text/added_token_cutter.h"
#include "text/hugging_face_pipeline.h"
#include "text/normalizer.h"
#include "text/pipeline_decoder.h"
#include "text/symbol_bpe.h"
#include "text/text_splitter.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

class PipelineTokenizer final : public Tokenizer {
 public:
  struct Parts {
    std::vector<std::string> tokens;  // by id
    AddedTokens added;
    std::vector<Normalizer> normalizers;
    std::vector<SplitStep> steps;
    SymbolBpeModel model;
    PipelineDecoder decoder;
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
    return decoder_.stripped(std::move(text));
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
  PipelineDecoder decoder_;
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
  parts.decoder = read_pipeline_decoder(file, where);
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
