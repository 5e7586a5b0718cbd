#pragma once
// BPE on the characters of a text, as `tokenizers` has it: a character that is no token becomes the
// tokens of its bytes ("<0x41>"), the unknown token, or nothing; then adjacent tokens merge, the
// pair with the lowest rank first, the leftmost of equals. Byte-level BPE is the same on a text in
// GPT-2's byte alphabet.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "text/bpe_tables.h"

namespace gptkit {

struct SymbolBpeModel {
  std::unordered_map<std::string, TokenId> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  std::optional<TokenId> unknown = {};
  std::string missing_unknown = {};  // an unk_token outside the vocabulary: no character needs it
  bool byte_fallback = false, fuse_unknown = false, ignore_merges = false;
};

class SymbolBpe {
 public:
  /// Fails naming `where` for a merge whose parts or result are no tokens.
  SymbolBpe(SymbolBpeModel model, const std::string& where);

  /// Appends the ids of a piece.
  void encode(std::string_view piece, std::vector<TokenId>& ids) const;

  const SymbolBpeModel& model() const { return model_; }

 private:
  SymbolBpeModel model_;
  std::string where_;
  std::unordered_map<char32_t, TokenId> characters_;
  std::array<TokenId, 256> bytes_;
  PairTable pairs_;
  std::unordered_set<std::uint64_t> joined_;  // symbols that a merge may bring together
  std::size_t longest_ = 0;                   // token, in bytes

  std::vector<TokenId> symbols_at_begin(std::string_view text) const;
  std::vector<TokenId> symbols_at_end(std::string_view text) const;
  void append_symbols(std::string_view piece, std::vector<TokenId>& symbols) const;
};

}  // namespace gptkit
