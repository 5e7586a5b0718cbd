#include "text/symbol_bpe.h"

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr TokenId kNone = -1;
constexpr std::size_t kByteTokenBytes = 6;

std::string byte_token(int byte) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return {'<', '0', 'x', kHex[byte / 16], kHex[byte % 16], '>'};
}

std::uint64_t pair_of(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

SymbolBpe::SymbolBpe(SymbolBpeModel model, const std::string& where)
    : model_(std::move(model)), where_(where), pairs_(model_.merges.size()) {
  for (const auto& [text, id] : model_.vocabulary) {
    longest_ = std::max(longest_, text.size());
    if (text.empty()) continue;
    const Utf8Char c = decode_utf8(text, 0);
    if (c.valid && c.bytes == text.size()) characters_.emplace(c.code, id);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = model_.vocabulary.find(byte_token(byte));
    bytes_[byte] = found == model_.vocabulary.end() ? kNone : found->second;
  }
  const auto id_of = [&](const std::string& text, std::size_t rank) {
    const auto found = model_.vocabulary.find(text);
    if (found == model_.vocabulary.end()) {
      fail(where, ": merge ", rank, ": '", printable(text), "' is not in the vocabulary");
    }
    return found->second;
  };
  for (std::size_t rank = 0; rank < model_.merges.size(); ++rank) {
    const auto& [left, right] = model_.merges[rank];
    const TokenId a = id_of(left, rank), b = id_of(right, rank), made = id_of(left + right, rank);
    if (!pairs_.insert(a, b, {static_cast<std::uint32_t>(rank), made})) {
      fail(where, ": merge ", rank, " ('", printable(left), "' '", printable(right),
           "') is listed twice");
    }
    for (const TokenId last : symbols_at_end(left)) {
      for (const TokenId first : symbols_at_begin(right)) joined_.insert(pair_of(last, first));
    }
  }
}

/// The symbols, a character or a byte's token, that a token's text may begin with.
std::vector<TokenId> SymbolBpe::symbols_at_begin(std::string_view text) const {
  std::vector<TokenId> symbols;
  if (const auto found = characters_.find(decode_utf8(text, 0).code); found != characters_.end()) {
    symbols.push_back(found->second);
  }
  const auto found = model_.vocabulary.find(std::string(text.substr(0, kByteTokenBytes)));
  if (text.starts_with("<0x") && found != model_.vocabulary.end()) symbols.push_back(found->second);
  return symbols;
}

std::vector<TokenId> SymbolBpe::symbols_at_end(std::string_view text) const {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  auto symbols = symbols_at_begin(text.substr(at));
  if (text.size() < kByteTokenBytes) return symbols;
  for (const TokenId id : symbols_at_begin(text.substr(text.size() - kByteTokenBytes))) {
    symbols.push_back(id);
  }
  return symbols;
}

/// In the library's order: an unknown character waits for the next token to be known, so that it
/// can grow, and bytes do not wait.
void SymbolBpe::append_symbols(std::string_view piece, std::vector<TokenId>& symbols) const {
  bool unknown = false;
  const auto end_unknown = [&] {
    if (unknown) symbols.push_back(*model_.unknown);
    unknown = false;
  };
  for (std::size_t at = 0; at < piece.size();) {
    const Utf8Char c = decode_utf8(piece, at);
    const auto bytes = piece.substr(at, c.bytes);
    at += c.bytes;
    if (const auto found = characters_.find(c.code); c.valid && found != characters_.end()) {
      end_unknown();
      symbols.push_back(found->second);
      continue;
    }
    const auto id_of = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
    if (model_.byte_fallback &&
        std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return id_of(byte) != kNone; })) {
      for (const char byte : bytes) symbols.push_back(id_of(byte));
      continue;
    }
    require(model_.missing_unknown.empty(), where_, ": model.unk_token '",
            printable(model_.missing_unknown), "' is not in the vocabulary, but the text has '",
            printable(bytes), "', which is also not in the vocabulary");
    if (!model_.unknown) continue;
    if (!model_.fuse_unknown) end_unknown();
    unknown = true;
  }
  end_unknown();
}

void SymbolBpe::encode(std::string_view piece, std::vector<TokenId>& ids) const {
  if (model_.ignore_merges && piece.size() <= longest_) {
    const auto found = model_.vocabulary.find(std::string(piece));
    if (found != model_.vocabulary.end()) return ids.push_back(found->second);
  }
  std::vector<TokenId> symbols;
  append_symbols(piece, symbols);
  // Between symbols that no merge brings together a piece falls apart.
  for (std::size_t begin = 0; begin < symbols.size();) {
    std::size_t end = begin + 1;
    while (end < symbols.size() && joined_.contains(pair_of(symbols[end - 1], symbols[end]))) ++end;
    merge_symbols({symbols.data() + begin, end - begin}, pairs_, ids);
    begin = end;
  }
}

}  // namespace gptkit
