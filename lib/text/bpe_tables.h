#pragma once
// The look-up tables and the merges within one pre-token: the hot loop of BPE.

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

/// The result of merging a pair of adjacent tokens, and its rank.
struct Merge {
  static constexpr std::uint32_t kNever = ~std::uint32_t{0};
  std::uint32_t rank = kNever;
  TokenId id = -1;
};

/// (left id, right id) -> Merge; open addressing, at most half full.
class PairTable {
 public:
  explicit PairTable(std::size_t count = 0);

  /// False, changing nothing, when the pair is there already.
  bool insert(TokenId left, TokenId right, Merge merge);

  Merge find(TokenId left, TokenId right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kEmpty) return {};
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // ids are not negative
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge;
  };

  static std::uint64_t key_of(TokenId left, TokenId right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t home(std::uint64_t key) const { return key * 0x9E3779B97F4A7C15u >> shift_; }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  int shift_ = 0;
};

/// A text of 1 to 15 bytes as two words: the bytes, zeros, and the length in the last byte.
struct ShortPiece {
  static constexpr std::size_t kLongest = 15;
  std::uint64_t low = 0, high = 0;  // high is never 0 once filled

  /// `piece` is a part of `text`, whose bytes behind it may be read (and are masked off).
  static ShortPiece of(std::string_view piece, std::string_view text) {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t words[2] = {0, 0};
    const std::size_t bytes = piece.size();
    if (static_cast<std::size_t>(text.data() + text.size() - piece.data()) >= sizeof(words)) {
      std::memcpy(words, piece.data(), sizeof(words));
    } else {
      std::memcpy(words, piece.data(), bytes);
    }
    const std::uint64_t length = std::uint64_t{bytes} << 56;
    if (bytes < 8) return {words[0] & ((std::uint64_t{1} << 8 * bytes) - 1), length};
    return {words[0], (words[1] & ((std::uint64_t{1} << 8 * (bytes - 8)) - 1)) | length};
  }
  std::uint64_t hash() const {
    const std::uint64_t mixed = low * 0x9E3779B97F4A7C15u ^ high * 0xC2B2AE3D27D4EB4Fu;
    return (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93u;
  }
  bool operator==(const ShortPiece&) const = default;
};

/// The ids of pre-tokens seen lately, one for each hash value; each thread has one, shared by all
/// tokenizers. Text repeats itself: nine look-ups in ten end here, within the processor's cache.
class RecentPieces {
 public:
  static constexpr std::size_t kMostIds = 4;
  struct Entry {
    ShortPiece key;
    std::uint32_t owner = 0;  // serial number of the tokenizer; 0 is none
    std::uint32_t count = 0;
    std::array<TokenId, kMostIds> ids{};
  };

  Entry& entry(std::uint64_t hash) { return entries_[hash >> (64 - kBits)]; }

 private:
  static constexpr int kBits = 14;
  std::array<Entry, std::size_t{1} << kBits> entries_;
};

/// Bytes -> id of the pre-tokens that are one token.
class PieceTable {
 public:
  explicit PieceTable(std::size_t count = 0);

  void insert(std::string_view piece, TokenId id);

  /// The id, or -1 when it is not there.
  TokenId find(const ShortPiece& key, std::uint64_t hash) const {
    for (std::size_t i = hash >> shift_;; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].id;
      if (slots_[i].key.high == 0) return -1;
    }
  }
  TokenId find_long(std::string_view piece) const;

 private:
  struct Slot {
    ShortPiece key;  // high is 0 in an empty slot
    TokenId id = -1;
  };

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  int shift_ = 0;
  std::unordered_map<std::string, TokenId> long_;
  std::size_t longest_ = 0;
};

/// Appends the ids that `piece` merges to: the pair of least rank first, the leftmost of equals.
/// O(n log n) in its length, and up to 12 bytes of memory for each of its bytes.
void merge_piece(std::string_view piece, const std::array<TokenId, 256>& byte_ids,
                 const PairTable& pairs, std::vector<TokenId>& ids);
/// The same of ids.
void merge_symbols(std::span<const TokenId> symbols, const PairTable& pairs,
                   std::vector<TokenId>& ids);

}  // namespace gptkit
