#include "text/gguf_vocabulary.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "text/bpe.h"
#include "text/bpe_tables.h"
#include "text/byte_alphabet.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece.h"

namespace gptkit {

namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

/// Other names of the patterns, llama.cpp's and those seen in files.
constexpr std::pair<std::string_view, PreTokenPattern> kOtherNames[] = {
    {"", PreTokenPattern::kGpt2},
    {"gpt2", PreTokenPattern::kGpt2},
    {"llama3", PreTokenPattern::kLlama3},
    {"llama-v3", PreTokenPattern::kLlama3},
};

PreTokenPattern pattern_of(const std::string& pre, const std::string& where) {
  std::string known;
  for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
    if (pre == name) return pattern;
    known.append(known.empty() ? "" : ", ").append(name);
  }
  for (const auto& [name, pattern] : kOtherNames) {
    if (pre == name) return pattern;
  }
  fail(where, ": unknown pre-tokenizer '", printable(pre), "' (tokenizer.ggml.pre); known are ",
       known);
}

GgufTokenType type_of(const GgufVocabulary& v, std::size_t id) {
  return v.types.empty() ? GgufTokenType::kNormal : static_cast<GgufTokenType>(v.types[id]);
}

/// An id of the metadata as one of the vocabulary.
std::optional<TokenId> checked_id(const GgufVocabulary& v, const std::optional<std::int64_t>& id,
                                  const char* name, const std::string& where) {
  if (!id) return std::nullopt;
  require(*id >= 0 && static_cast<std::size_t>(*id) < v.tokens.size(), where, ": ", name, " is ",
          *id, ", outside the vocabulary of ", v.tokens.size(), " tokens");
  return static_cast<TokenId>(*id);
}

void check_sizes(const GgufVocabulary& v, const std::string& where) {
  require(!v.tokens.empty(), where, ": the tokenizer has no tokens");
  require(v.tokens.size() < std::size_t{1} << 31, where, ": too many tokens");
  require(v.types.empty() || v.types.size() == v.tokens.size(), where, ": ", v.types.size(),
          " token types for ", v.tokens.size(), " tokens");
  for (std::size_t id = 0; id < v.types.size(); ++id) {
    require(v.types[id] >= 1 && v.types[id] <= 6, where, ": token ", id, " has type ", v.types[id],
            ", expected 1 to 6");
  }
}

/// The tokens around every text.
TextFrame frame_of(const GgufVocabulary& v, bool begins_by_default, const std::string& where) {
  TextFrame frame;
  if (v.add_bos.value_or(begins_by_default)) {
    const auto id = checked_id(v, v.bos_id, "bos_token_id", where);
    require(id || !v.add_bos, where, ": add_bos_token is set but there is no bos_token_id");
    if (id) frame.before.push_back(*id);
  }
  if (v.add_eos.value_or(false)) {
    const auto id = checked_id(v, v.eos_id, "eos_token_id", where);
    require(id.has_value(), where, ": add_eos_token is set but there is no eos_token_id");
    frame.behind.push_back(*id);
  }
  return frame;
}

void add_bpe_token(const GgufVocabulary& v, std::size_t id, const std::string& where,
                   BpeModel& model) {
  const std::string& text = v.tokens[id];
  const GgufTokenType type = type_of(v, id);
  require(type != GgufTokenType::kByte, where, ": token ", id,
          " is of type byte, which a gpt2 vocabulary has none of");
  if (type == GgufTokenType::kNormal) {
    auto bytes = byte_level_bytes(text);
    require(bytes.has_value(), where, ": token ", id, " ('", printable(text),
            "') is not in GPT-2's byte alphabet");
    model.tokens.push_back(std::move(*bytes));
    return;
  }
  model.special.push_back(static_cast<TokenId>(id));
  if (type == GgufTokenType::kUserDefined) model.found_in_text.push_back(static_cast<TokenId>(id));
  model.tokens.push_back(text);
}

void add_bpe_merges(const GgufVocabulary& v, const std::string& where, BpeModel& model) {
  std::unordered_map<std::string_view, TokenId> ids;
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    if (type_of(v, id) == GgufTokenType::kNormal) {
      ids.emplace(v.tokens[id], static_cast<TokenId>(id));
    }
  }
  for (std::size_t rank = 0; rank < v.merges.size(); ++rank) {
    const std::string_view merge = v.merges[rank];
    const auto blank = merge.find(' ');
    require(blank != merge.npos, where, ": merge ", rank, ": expected two tokens, found '",
            printable(merge), "'");
    const auto left = ids.find(merge.substr(0, blank)), right = ids.find(merge.substr(blank + 1));
    require(left != ids.end() && right != ids.end(), where, ": merge ", rank, ": a part of '",
            printable(merge), "' is not in the vocabulary");
    model.merges.emplace_back(left->second, right->second);
  }
}

std::shared_ptr<const Tokenizer> byte_level_bpe(GgufVocabulary v, const std::string& where) {
  BpeModel model;
  model.pattern = pattern_of(v.pre, where);
  model.ignore_merges = model.pattern == PreTokenPattern::kLlama3;
  const auto end = checked_id(v, v.eos_id, "eos_token_id", where);
  if (v.types.empty()) {  // nothing says which are special but their parts
    v.types.assign(v.tokens.size(), static_cast<std::int32_t>(GgufTokenType::kNormal));
    for (const auto& id : {checked_id(v, v.bos_id, "bos_token_id", where), end}) {
      if (id) v.types[static_cast<std::size_t>(*id)] = 3;
    }
  }
  model.tokens.reserve(v.tokens.size());
  for (std::size_t id = 0; id < v.tokens.size(); ++id) add_bpe_token(v, id, where, model);
  add_bpe_merges(v, where, model);
  model.frame = frame_of(v, model.pattern == PreTokenPattern::kLlama3, where);
  if (end && v.tokens[static_cast<std::size_t>(*end)] != kEndOfText) model.end_of_text = end;
  return std::make_shared<BpeTokenizer>(std::move(model), where);
}

std::shared_ptr<const Tokenizer> sentencepiece(GgufVocabulary v, const std::string& where) {
  require(v.scores.size() == v.tokens.size() && v.types.size() == v.tokens.size(), where, ": ",
          v.scores.size(), " scores and ", v.types.size(), " token types for ", v.tokens.size(),
          " tokens; a llama vocabulary has one of each for each token");
  SentencePieceBpe model;
  model.dummy_prefix = v.add_space_prefix.value_or(true);
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const auto type = static_cast<PieceType>(v.types[id]);
    if (type == PieceType::kUnknown && !model.unknown) model.unknown = static_cast<TokenId>(id);
    // Llama's own places, for files that do not say.
    const bool control = type == PieceType::kControl;
    if (control && id == 1 && !v.bos_id && v.add_bos.value_or(true)) v.bos_id = 1;
    if (control && id == 2 && !v.eos_id) v.eos_id = 2;
    model.pieces.push_back({v.tokens[id], v.scores[id], type});
  }
  model.begin = checked_id(v, v.bos_id, "bos_token_id", where);
  model.end = checked_id(v, v.eos_id, "eos_token_id", where);
  model.pad = checked_id(v, v.pad_id, "padding_token_id", where);
  const SentencePieceRoles roles{frame_of(v, true, where), model.end};
  return sentencepiece_from_bytes(bpe_model_bytes(model), roles, where);
}

/// llama.cpp takes whole pre-tokens that are tokens with Llama 3's pattern and with no other. That
/// is the same as merging where merges make every token.
void check_ignore_merges(const BpeModel& model) {
  if (model.ignore_merges == (model.pattern == PreTokenPattern::kLlama3)) return;
  std::array<TokenId, 256> byte_ids;
  byte_ids.fill(-1);
  std::unordered_map<std::string_view, TokenId> ids;
  std::vector<bool> special(model.tokens.size());
  for (const TokenId id : model.special) special[static_cast<std::size_t>(id)] = true;
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    if (!special[id]) ids.emplace(model.tokens[id], static_cast<TokenId>(id));
  }
  for (const auto& [text, id] : ids) {
    if (text.size() == 1) byte_ids[static_cast<unsigned char>(text[0])] = id;
  }
  PairTable pairs(model.merges.size());
  for (std::size_t rank = 0; rank < model.merges.size(); ++rank) {
    const auto [left, right] = model.merges[rank];
    const std::string made = model.tokens[static_cast<std::size_t>(left)] +
                             model.tokens[static_cast<std::size_t>(right)];
    pairs.insert(left, right, {static_cast<std::uint32_t>(rank), ids.at(made)});
  }
  std::vector<TokenId> merged;
  for (const auto& [text, id] : ids) {
    merged.clear();
    merge_piece(text, byte_ids, pairs, merged);
    require(merged.size() == 1, "this tokenizer cannot be stored in GGUF: llama.cpp would ",
            model.ignore_merges ? "merge where it takes" : "take", " '",
            printable(byte_level_text(text)), "' ", model.ignore_merges ? "whole" : "for a token",
            ", which merges do not make");
  }
}

/// llama.cpp has room for the begin token before a text and the end token behind it.
void add_frame(const TextFrame& frame, GgufVocabulary& v) {
  const auto& [before, behind] = frame;
  require(before.size() <= 1 && behind.size() <= 1 && (behind.empty() || behind[0] == v.eos_id),
          "this tokenizer cannot be stored in GGUF: it puts more around a text than one token "
          "before it ",
          "and the end token behind it");
  if (!before.empty()) v.bos_id = before[0];
  v.add_bos = !before.empty();
  v.add_eos = !behind.empty();
}

GgufVocabulary of_bpe(const BpeTokenizer& tokenizer) {
  const BpeModel& model = tokenizer.model();
  check_ignore_merges(model);
  if (model.nfc) {
    log_warning(
        "GGUF cannot store the tokenizer's normalizer NFC: llama.cpp gives other ids for "
        "texts that are not normalised");
  }
  GgufVocabulary v{.model = "gpt2", .tokens = {}};
  for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
    if (pattern == model.pattern) v.pre = name;
  }
  const auto set_type = [&](TokenId id, GgufTokenType type) {
    v.types[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(type);
  };
  v.types.assign(model.tokens.size(), static_cast<std::int32_t>(GgufTokenType::kNormal));
  for (const TokenId id : model.special) set_type(id, GgufTokenType::kControl);
  for (const TokenId id : model.found_in_text) set_type(id, GgufTokenType::kUserDefined);
  for (std::size_t id = 0; id < model.tokens.size(); ++id) {
    const bool plain = type_of(v, id) != GgufTokenType::kNormal;
    v.tokens.push_back(plain ? model.tokens[id] : byte_level_text(model.tokens[id]));
  }
  for (const auto& [left, right] : model.merges) {
    v.merges.push_back(v.tokens[static_cast<std::size_t>(left)] + ' ' +
                       v.tokens[static_cast<std::size_t>(right)]);
  }
  v.eos_id = tokenizer.end_of_text();
  v.bos_id = v.eos_id;
  add_frame(model.frame, v);
  v.add_space_prefix = false;
  return v;
}

GgufVocabulary of_sentencepiece(const SentencePieceBpe& model, const Tokenizer& tokenizer) {
  GgufVocabulary v{.model = "llama", .pre = "default", .tokens = {}};
  for (const SentencePiece& piece : model.pieces) {
    v.tokens.push_back(piece.text);
    v.scores.push_back(piece.score);
    v.types.push_back(static_cast<std::int32_t>(piece.type));
  }
  v.bos_id = model.begin;
  v.eos_id = model.end;
  v.unk_id = model.unknown;
  v.pad_id = model.pad;
  add_frame(tokenizer.frame(), v);
  v.add_space_prefix = model.dummy_prefix;
  return v;
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_from_gguf(const GgufVocabulary& vocabulary,
                                                     const std::string& where) {
  check_sizes(vocabulary, where);
  if (vocabulary.model == "gpt2") return byte_level_bpe(vocabulary, where);
  if (vocabulary.model == "llama") return sentencepiece(vocabulary, where);
  fail(where, ": unsupported tokenizer model '", printable(vocabulary.model),
       "' (tokenizer.ggml.model); expected gpt2 or llama");
}

GgufVocabulary gguf_vocabulary(const Tokenizer& tokenizer) {
  if (const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer)) return of_bpe(*bpe);
  if (const auto model = sentencepiece_bpe(tokenizer)) return of_sentencepiece(*model, tokenizer);
  if (const auto model = pipeline_as_sentencepiece(tokenizer)) {
    return of_sentencepiece(*model, tokenizer);
  }
  fail("a ", tokenizer.algorithm(),
       " tokenizer cannot be stored in GGUF; only byte-level BPE with a ",
       "known pattern and SentencePiece BPE (a tokenizer.model) have");
}

TokenRoles roles_from_gguf(const GgufVocabulary& vocabulary, const Tokenizer& tokenizer,
                           const std::string& where) {
  TokenRoles roles;
  roles.begin = checked_id(vocabulary, vocabulary.bos_id, "bos_token_id", where);
  roles.end = tokenizer.end_of_text();
  roles.pad = checked_id(vocabulary, vocabulary.pad_id, "padding_token_id", where);
  roles.unknown = checked_id(vocabulary, vocabulary.unk_id, "unknown_token_id", where);
  std::vector<TokenId> ends;
  for (const auto& id : {checked_id(vocabulary, vocabulary.eos_id, "eos_token_id", where),
                         checked_id(vocabulary, vocabulary.eot_id, "eot_token_id", where),
                         checked_id(vocabulary, vocabulary.eom_id, "eom_token_id", where)}) {
    if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
  }
  if (!ends.empty()) roles.ends = std::move(ends);
  return roles;
}

void add_roles(const TokenRoles& roles, GgufVocabulary& vocabulary) {
  if (roles.begin && !vocabulary.add_bos.value_or(false)) vocabulary.bos_id = roles.begin;
  if (roles.pad) vocabulary.pad_id = roles.pad;
  if (roles.unknown) vocabulary.unk_id = roles.unknown;
  if (!roles.ends || roles.ends->empty()) return;
  const auto& ends = *roles.ends;
  const bool known =
      std::any_of(ends.begin(), ends.end(), [&](TokenId id) { return id == vocabulary.eos_id; });
  if (!known && !vocabulary.add_eos.value_or(false)) vocabulary.eos_id = ends.front();
  std::vector<TokenId> others;
  for (const TokenId id : ends) {
    if (id != vocabulary.eos_id) others.push_back(id);
  }
  require(others.size() <= 2,
          "GGUF stores at most three tokens that end a text, eos, eot and eom; ", "this model has ",
          others.size() + 1, " (eos_token_id)");
  if (!others.empty()) vocabulary.eot_id = others[0];
  if (others.size() > 1) vocabulary.eom_id = others[1];
}

}  // namespace gptkit
