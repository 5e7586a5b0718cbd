#include "text/bpe_tables.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace gptkit {

namespace {

/// log2 of the number of slots that `count` entries half fill at most.
int slot_bits(std::size_t count) {
  return std::max(4, static_cast<int>(std::bit_width(2 * count)));
}

/// Pieces up to this length are merged by scanning an array, longer ones through a heap.
constexpr std::size_t kScanLimit = 64;

/// A part of a piece: a token and the merge with the part behind it.
struct Part {
  TokenId id;
  Merge merge;
};

/// `symbol(i)` is the id of part i before anything is merged.
template <class Symbol>
void merge_by_scanning(std::size_t count, const Symbol& symbol, const PairTable& pairs,
                       std::vector<TokenId>& ids) {
  std::array<Part, kScanLimit> parts;
  for (std::size_t i = 0; i < count; ++i) {
    parts[i].id = symbol(i);
    if (i > 0) parts[i - 1].merge = pairs.find(parts[i - 1].id, parts[i].id);
  }
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (parts[i].merge.rank < parts[best].merge.rank) best = i;
    }
    if (parts[best].merge.rank == Merge::kNever) break;
    parts[best].id = parts[best].merge.id;
    std::copy(&parts[best + 2], &parts[count], &parts[best + 1]);
    --count;
    if (best + 1 < count) parts[best].merge = pairs.find(parts[best].id, parts[best + 1].id);
    if (best > 0) parts[best - 1].merge = pairs.find(parts[best - 1].id, parts[best].id);
  }
  for (std::size_t i = 0; i < count; ++i) ids.push_back(parts[i].id);
}

/// The parts of a long piece, four bytes a symbol: a part's id stands in its first place; its
/// second and its last place hold the number of its places, negative.
class PartList {
 public:
  template <class Symbol>
  PartList(std::size_t count, const Symbol& symbol) : places_(count) {
    for (std::size_t i = 0; i < count; ++i) places_[i] = symbol(i);
  }

  std::size_t size() const { return places_.size(); }
  bool is_part(std::size_t at) const { return places_[at] >= 0; }
  TokenId id(std::size_t at) const { return places_[at]; }
  /// size() behind the last one.
  std::size_t next(std::size_t at) const {
    const bool longer = at + 1 < size() && places_[at + 1] < 0;
    return at + (longer ? static_cast<std::size_t>(-places_[at + 1]) : 1);
  }
  /// Of a part that is not the first.
  std::size_t previous(std::size_t at) const {
    const std::int32_t before = places_[at - 1];
    return before >= 0 ? at - 1 : at - static_cast<std::size_t>(-before);
  }
  /// The part and the next one become `made`.
  void merge(std::size_t at, TokenId made) {
    const std::size_t eaten = next(at), end = next(eaten);
    const auto places = -static_cast<std::int32_t>(end - at);
    places_[eaten] = -1;
    places_[at] = made;
    places_[at + 1] = places_[end - 1] = places;
  }

 private:
  std::vector<std::int32_t> places_;
};

/// The candidates are kept in a heap by rank, then place. One whose parts have changed since is
/// known by its pair's rank, which is another now: ranks are unique to pairs.
template <class Symbol>
void merge_by_heap(std::size_t count, const Symbol& symbol, const PairTable& pairs,
                   std::vector<TokenId>& ids) {
  PartList parts(count, symbol);
  const auto merge_at = [&](std::size_t at) -> Merge {
    if (!parts.is_part(at) || parts.next(at) == count) return {};
    return pairs.find(parts.id(at), parts.id(parts.next(at)));
  };
  std::size_t candidates = 0;
  for (std::size_t i = 0; i < count; ++i) candidates += merge_at(i).rank != Merge::kNever;
  std::vector<std::uint64_t> heap;  // rank << 32 | place
  heap.reserve(candidates);         // growing by doubling would be most of the memory
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t rank = merge_at(i).rank;
    if (rank != Merge::kNever) heap.push_back(rank << 32 | i);
  }
  const auto later = std::greater<>();
  std::make_heap(heap.begin(), heap.end(), later);
  const auto add = [&](std::size_t at) {
    const std::uint64_t rank = merge_at(at).rank;
    if (rank == Merge::kNever) return;
    heap.push_back(rank << 32 | at);
    std::push_heap(heap.begin(), heap.end(), later);
  };

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto rank = static_cast<std::uint32_t>(heap.back() >> 32);
    const std::size_t at = static_cast<std::uint32_t>(heap.back());
    heap.pop_back();
    const Merge merge = merge_at(at);
    if (merge.rank != rank) continue;
    parts.merge(at, merge.id);
    add(at);
    if (at > 0) add(parts.previous(at));
  }
  heap = {};
  for (std::size_t at = 0; at < count; at = parts.next(at)) ids.push_back(parts.id(at));
}

template <class Symbol>
void merge_all(std::size_t count, const Symbol& symbol, const PairTable& pairs,
               std::vector<TokenId>& ids) {
  if (count <= kScanLimit) {
    merge_by_scanning(count, symbol, pairs, ids);
  } else {
    merge_by_heap(count, symbol, pairs, ids);
  }
}

}  // namespace

PairTable::PairTable(std::size_t count)
    : slots_(std::size_t{1} << slot_bits(count)),
      mask_(slots_.size() - 1),
      shift_(64 - slot_bits(count)) {}

bool PairTable::insert(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t i = home(key);
  for (; slots_[i].key != kEmpty; i = (i + 1) & mask_) {
    if (slots_[i].key == key) return false;
  }
  slots_[i] = {key, merge};
  return true;
}

PieceTable::PieceTable(std::size_t count)
    : slots_(std::size_t{1} << slot_bits(count)),
      mask_(slots_.size() - 1),
      shift_(64 - slot_bits(count)) {}

void PieceTable::insert(std::string_view piece, TokenId id) {
  if (piece.size() > ShortPiece::kLongest) {
    long_.emplace(piece, id);
    longest_ = std::max(longest_, piece.size());
    return;
  }
  const ShortPiece key = ShortPiece::of(piece, piece);
  std::size_t i = key.hash() >> shift_;
  while (slots_[i].key.high != 0) i = (i + 1) & mask_;
  slots_[i] = {key, id};
}

TokenId PieceTable::find_long(std::string_view piece) const {
  if (piece.size() > longest_) return -1;
  const auto it = long_.find(std::string(piece));
  return it == long_.end() ? -1 : it->second;
}

void merge_piece(std::string_view piece, const std::array<TokenId, 256>& byte_ids,
                 const PairTable& pairs, std::vector<TokenId>& ids) {
  const auto symbol = [&](std::size_t i) { return byte_ids[static_cast<unsigned char>(piece[i])]; };
  merge_all(piece.size(), symbol, pairs, ids);
}

void merge_symbols(std::span<const TokenId> symbols, const PairTable& pairs,
                   std::vector<TokenId>& ids) {
  merge_all(
      symbols.size(), [&](std::size_t i) { return symbols[i]; }, pairs, ids);
}

}  // namespace gptkit
