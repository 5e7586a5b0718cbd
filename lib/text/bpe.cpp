#include "text/bpe.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"
#include "text/bpe_tables.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_tokenizer.h"
#include "text/normalization.h"
#include "text/special_finder.h"

namespace gptkit {

namespace {

/// A pre-token this long is cut, so that positions inside it fit 32 bits. tiktoken's ids are
/// matched below it; the bytes come back either way.
constexpr std::size_t kLongestPiece = std::size_t{1} << 30;

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr TokenId kNoToken = -1;

/// A token's bytes for a message.
std::string shown(std::string_view bytes) { return printable(byte_level_text(bytes)); }

bool is_not_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

std::size_t byte_pair(char left, char right) {
  return std::size_t{static_cast<unsigned char>(left)} << 8 | static_cast<unsigned char>(right);
}

/// Makes room for `more` ids, doubling, so that many small appends stay linear.
void make_room(std::vector<TokenId>& ids, std::size_t more) {
  const std::size_t need = ids.size() + more;
  if (need > ids.capacity()) ids.reserve(std::max(need, 2 * ids.capacity()));
}

}  // namespace

struct BpeTokenizer::Tables {
  std::array<TokenId, 256> byte_ids{};
  bool has_all_bytes = true;
  PairTable pairs;
  std::vector<bool> joined = std::vector<bool>(256 * 256);  // bytes that a merge may bring together
  PieceTable pieces;
  PreTokenPattern pattern;
  bool nfc;
  SpecialFinder special, found_in_text;
  std::unordered_map<std::string_view, TokenId> special_ids;

  explicit Tables(const BpeModel& model, const std::string& where);

  const std::uint32_t serial = next_serial();  // whose a RecentPieces entry is

  void encode_text(std::string_view text, std::vector<TokenId>& ids) const;
  template <class OnText, class OnSpecial>
  void split_at_special(std::string_view text, SpecialTokens allowed, const OnText& on_text,
                        const OnSpecial& on_special) const;

 private:
  static std::uint32_t next_serial() {
    static std::atomic<std::uint32_t> last = 0;
    return ++last;
  }
  template <class PreTokenEnd>
  void encode_pieces(std::string_view text, const PreTokenEnd& pretoken_end,
                     std::vector<TokenId>& ids) const;
  void merge(std::string_view piece, std::vector<TokenId>& ids) const;
  void merge_known(std::string_view piece, std::vector<TokenId>& ids) const;
  void encode_long(std::string_view piece, std::vector<TokenId>& ids) const;
  void encode_short(std::string_view piece, const ShortPiece& key, RecentPieces& recent,
                    std::vector<TokenId>& ids) const;
  void add_tokens(const BpeModel& model, const std::string& where,
                  std::unordered_map<std::string_view, TokenId>& ids);
  void add_roles(const BpeModel& model, const std::string& where);
  void add_merges(const BpeModel& model, const std::string& where,
                  const std::unordered_map<std::string_view, TokenId>& ids);
  void add_pieces(const BpeModel& model, const std::unordered_map<std::string_view, TokenId>& ids);
};

BpeTokenizer::Tables::Tables(const BpeModel& model, const std::string& where)
    : pattern(model.pattern), nfc(model.nfc) {
  std::unordered_map<std::string_view, TokenId> ids;
  add_tokens(model, where, ids);
  add_roles(model, where);
  add_merges(model, where, ids);
  add_pieces(model, ids);
}

/// Fills the special tokens and the bytes; `ids` gets every token that is not special.
void BpeTokenizer::Tables::add_tokens(const BpeModel& model, const std::string& where,
                                      std::unordered_map<std::string_view, TokenId>& ids) {
  require(model.tokens.size() < std::size_t{1} << 31, where, ": too many tokens");
  const auto count = static_cast<TokenId>(model.tokens.size());
  std::vector<bool> is_special(model.tokens.size());
  for (const TokenId id : model.special) {
    require(id >= 0 && id < count, where, ": special token ", id, " is outside the vocabulary of ",
            count);
    require(!is_special[id], where, ": special token ", id, " is listed twice");
    is_special[id] = true;
  }
  ids.reserve(model.tokens.size());
  for (TokenId id = 0; id < count; ++id) {
    const std::string& token = model.tokens[id];
    require(!token.empty(), where, ": token ", id, " is empty");
    const auto [it, added] = (is_special[id] ? special_ids : ids).emplace(token, id);
    if (!added) {
      fail(where, ": tokens ", it->second, " and ", id, " are the same: ", shown(token));
    }
    if (is_special[id]) special.add(token, id);
  }
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    const auto it = ids.find(std::string_view(&byte, 1));
    const bool needed = (b >= 0x20 && b < 0x7F) || b == '\n';
    require(it != ids.end() || !needed, where, ": byte ", b, " ('", shown({&byte, 1}),
            "') has no token; a byte-level vocabulary has those of ASCII text at least");
    byte_ids[b] = it == ids.end() ? kNoToken : it->second;
    has_all_bytes = has_all_bytes && it != ids.end();
  }
}

/// The special tokens that are found in any text, and the ids with a meaning.
void BpeTokenizer::Tables::add_roles(const BpeModel& model, const std::string& where) {
  const std::unordered_set<TokenId> all(model.special.begin(), model.special.end());
  for (const TokenId id : model.found_in_text) {
    require(all.contains(id), where, ": token ", id,
            " is matched in any text but is not a special token");
    const std::string& text = model.tokens[id];
    // Texts are cut at such places, before anything is looked for in them.
    if (pretoken_safe_cut(text, 1) < text.size()) {
      fail(where, ": token '", shown(text),
           "' is matched in any text and contains white space, which is not supported");
    }
    found_in_text.add(text, id);
  }
  special.put_longest_first();
  found_in_text.put_longest_first();
  auto around = model.frame.before;
  around.insert(around.end(), model.frame.behind.begin(), model.frame.behind.end());
  if (model.end_of_text) around.push_back(*model.end_of_text);
  for (const TokenId id : around) {
    require(id >= 0 && static_cast<std::size_t>(id) < model.tokens.size(), where,
            ": the token that begins or ends a text is ", id, ", outside the vocabulary of ",
            model.tokens.size());
  }
}

void BpeTokenizer::Tables::add_merges(const BpeModel& model, const std::string& where,
                                      const std::unordered_map<std::string_view, TokenId>& ids) {
  pairs = PairTable(model.merges.size());
  for (std::size_t rank = 0; rank < model.merges.size(); ++rank) {
    const auto [left, right] = model.merges[rank];
    for (const TokenId id : {left, right}) {
      require(id >= 0 && static_cast<std::size_t>(id) < model.tokens.size(), where, ": merge ",
              rank, " names token ", id, ", outside the vocabulary of ", model.tokens.size());
    }
    const std::string made = model.tokens[left] + model.tokens[right];
    const auto it = ids.find(made);
    if (it == ids.end()) {
      fail(where, ": merge ", rank, " makes '", shown(made), "', which is not in the vocabulary");
    }
    joined[byte_pair(model.tokens[left].back(), model.tokens[right].front())] = true;
    if (!pairs.insert(left, right, {static_cast<std::uint32_t>(rank), it->second})) {
      fail(where, ": merge ", rank, " ('", shown(model.tokens[left]), "' '",
           shown(model.tokens[right]), "') is listed twice");
    }
  }
}

/// The tokens that their own bytes encode to: a pre-token found among them needs no merging.
void BpeTokenizer::Tables::add_pieces(const BpeModel& model,
                                      const std::unordered_map<std::string_view, TokenId>& ids) {
  pieces = PieceTable(ids.size());
  std::vector<TokenId> merged;
  for (TokenId id = 0; id < static_cast<TokenId>(model.tokens.size()); ++id) {
    const std::string& token = model.tokens[id];
    const auto it = ids.find(token);
    if (it == ids.end() || it->second != id) continue;  // special
    merged.clear();
    if (!model.ignore_merges) merge(token, merged);
    if (model.ignore_merges || merged == std::vector{id}) pieces.insert(token, id);
  }
}

void BpeTokenizer::Tables::encode_text(std::string_view text, std::vector<TokenId>& ids) const {
  if (nfc && std::any_of(text.begin(), text.end(), is_not_ascii)) {
    const std::string normal = normal_form(text, NormalForm::kNfc);
    return with_pretoken_end(pattern, [&](const auto& end) { encode_pieces(normal, end, ids); });
  }
  with_pretoken_end(pattern, [&](const auto& end) { encode_pieces(text, end, ids); });
}

template <class PreTokenEnd>
void BpeTokenizer::Tables::encode_pieces(std::string_view text, const PreTokenEnd& pretoken_end,
                                         std::vector<TokenId>& ids) const {
  static thread_local RecentPieces recent;
  make_room(ids, text.size() / 3);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(pretoken_end(text, begin), begin + kLongestPiece);
    const std::string_view piece = text.substr(begin, end - begin);
    if (piece.size() > ShortPiece::kLongest) {
      encode_long(piece, ids);
    } else {
      encode_short(piece, ShortPiece::of(piece, text), recent, ids);
    }
    begin = end;
  }
}

/// Bytes that have no token are left out, so that their neighbours meet.
void BpeTokenizer::Tables::merge(std::string_view piece, std::vector<TokenId>& ids) const {
  if (has_all_bytes) return merge_known(piece, ids);
  std::string known;
  for (const char c : piece) {
    if (byte_ids[static_cast<unsigned char>(c)] != kNoToken) known += c;
  }
  if (!known.empty()) merge_known(known, ids);
}

/// Between bytes that no merge brings together a piece falls apart, which saves memory.
void BpeTokenizer::Tables::merge_known(std::string_view piece, std::vector<TokenId>& ids) const {
  constexpr std::size_t kLong = std::size_t{1} << 16;
  for (std::size_t at = kLong; at < piece.size(); ++at) {
    if (joined[byte_pair(piece[at - 1], piece[at])]) continue;
    merge_piece(piece.substr(0, at), byte_ids, pairs, ids);
    piece.remove_prefix(at);
    at = kLong - 1;
  }
  merge_piece(piece, byte_ids, pairs, ids);
}

void BpeTokenizer::Tables::encode_long(std::string_view piece, std::vector<TokenId>& ids) const {
  const TokenId id = pieces.find_long(piece);
  if (id >= 0) {
    ids.push_back(id);
  } else {
    merge(piece, ids);
  }
}

void BpeTokenizer::Tables::encode_short(std::string_view piece, const ShortPiece& key,
                                        RecentPieces& recent, std::vector<TokenId>& ids) const {
  const std::uint64_t hash = key.hash();
  RecentPieces::Entry& entry = recent.entry(hash);
  if (entry.key == key && entry.owner == serial) {
    for (std::uint32_t i = 0; i < entry.count; ++i) ids.push_back(entry.ids[i]);
    return;
  }
  const std::size_t before = ids.size();
  const TokenId id = pieces.find(key, hash);
  if (id >= 0) {
    ids.push_back(id);
  } else {
    merge(piece, ids);
  }
  const std::size_t count = ids.size() - before;
  if (count > RecentPieces::kMostIds) return;
  entry = {key, serial, static_cast<std::uint32_t>(count), {}};
  std::copy(ids.end() - static_cast<std::ptrdiff_t>(count), ids.end(), entry.ids.begin());
}

template <class OnText, class OnSpecial>
void BpeTokenizer::Tables::split_at_special(std::string_view text, SpecialTokens allowed,
                                            const OnText& on_text,
                                            const OnSpecial& on_special) const {
  const SpecialFinder& finder = allowed == SpecialTokens::kAllow ? special : found_in_text;
  if (finder.empty()) return on_text(text);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto match = finder.next(text, begin);
    if (match.at > begin) on_text(text.substr(begin, match.at - begin));
    if (match.bytes > 0) on_special(match.id);
    begin = match.at + match.bytes;
  }
}

BpeTokenizer::BpeTokenizer(BpeModel model, const std::string& where)
    : model_(std::move(model)), tables_(std::make_unique<const Tables>(model_, where)) {}

BpeTokenizer::~BpeTokenizer() = default;

void BpeTokenizer::encode_append(std::string_view text, std::vector<TokenId>& ids,
                                 SpecialTokens special) const {
  tables_->split_at_special(
      text, special, [&](std::string_view part) { tables_->encode_text(part, ids); },
      [&](TokenId id) { ids.push_back(id); });
}

std::string BpeTokenizer::token_bytes(TokenId id) const {
  require(contains(id), "token id ", id, " is outside the vocabulary, 0 to ", vocab_size() - 1);
  return model_.tokens[id];
}

std::string BpeTokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  text.reserve(ids.size() * 4);
  for (const TokenId id : ids) {
    if (!contains(id)) token_bytes(id);  // fails
    text += model_.tokens[id];
  }
  return text;
}

std::int64_t BpeTokenizer::vocab_size() const {
  return static_cast<std::int64_t>(model_.tokens.size());
}

std::optional<TokenId> BpeTokenizer::special_id(std::string_view text) const {
  const auto it = tables_->special_ids.find(text);
  if (it == tables_->special_ids.end()) return std::nullopt;
  return it->second;
}

std::optional<TokenId> BpeTokenizer::end_of_text() const {
  return model_.end_of_text ? model_.end_of_text : special_id(kEndOfText);
}

std::string BpeTokenizer::vocabulary_text(TokenId id) const {
  const std::string text = token_bytes(id);
  return special_id(text) == id ? text : byte_level_text(text);
}

void BpeTokenizer::save(const std::filesystem::path& folder) const {
  if (!keeps_files()) write_hugging_face_tokenizer(model_, folder);
  write_tokenizer_files(files_, folder);
}

std::shared_ptr<const BpeTokenizer> BpeTokenizer::with_special_tokens(
    std::span<const std::string> texts) const {
  BpeModel model = model_;
  for (const std::string& text : texts) {
    const auto first_added = model.tokens.begin() + vocab_size();
    if (special_id(text) ||
        std::find(first_added, model.tokens.end(), text) != model.tokens.end()) {
      continue;
    }
    model.special.push_back(static_cast<TokenId>(model.tokens.size()));
    model.tokens.push_back(text);
  }
  return std::make_shared<BpeTokenizer>(std::move(model), "added special tokens");
}

std::vector<TokenId> encode_parallel(const Tokenizer& tokenizer, std::string_view text, int threads,
                                     SpecialTokens special) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  if (!bpe || threads <= 1 || text.size() < 2 * kChunk) return tokenizer.encode(text, special);

  struct Part {
    std::string_view text;
    std::vector<TokenId> ids;  // a special token's id from the start, or its text's
  };
  std::vector<Part> parts;
  const auto add_text = [&](std::string_view whole) {
    while (!whole.empty()) {
      const std::size_t end = pretoken_safe_cut(whole, kChunk);
      parts.push_back({whole.substr(0, end), {}});
      whole.remove_prefix(end);
    }
  };
  bpe->tables_->split_at_special(text, special, add_text, [&](TokenId id) {
    parts.push_back({{}, {id}});
  });
  parallel_for(parts.size(), threads,
               [&](std::size_t i) { bpe->tables_->encode_text(parts[i].text, parts[i].ids); });

  std::vector<TokenId> ids;
  std::size_t total = 0;
  for (const Part& part : parts) total += part.ids.size();
  ids.reserve(total);
  for (Part& part : parts) {
    ids.insert(ids.end(), part.ids.begin(), part.ids.end());
    part.ids = {};
  }
  return ids;
}

}  // namespace gptkit
