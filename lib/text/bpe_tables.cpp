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

void merge_by_scanning(std::string_view piece, const std::array<TokenId, 256>& byte_ids,
                       const PairTable& pairs, std::vector<TokenId>& ids) {
  std::array<Part, kScanLimit> parts;
  std::size_t count = piece.size();
  for (std::size_t i = 0; i < count; ++i) {
    parts[i].id = byte_ids[static_cast<unsigned char>(piece[i])];
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

/// A part in a list whose members keep their index; a merged-away part has id kGone.
struct Link {
  TokenId id;
  std::uint32_t previous, next;
};

constexpr TokenId kGone = -1;
constexpr std::uint32_t kNone = ~std::uint32_t{0};

/// The candidates are kept in a heap by rank, then place. One whose parts have changed since is
/// known by its pair's rank, which is another now: ranks are unique to pairs.
void merge_by_heap(std::string_view piece, const std::array<TokenId, 256>& byte_ids,
                   const PairTable& pairs, std::vector<TokenId>& ids) {
  const auto count = static_cast<std::uint32_t>(piece.size());
  std::vector<Link> links(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    links[i] = {byte_ids[static_cast<unsigned char>(piece[i])], i - 1, i + 1};  // first: kNone
  }
  links[count - 1].next = kNone;

  const auto merge_at = [&](std::uint32_t at) -> Merge {
    if (links[at].id == kGone || links[at].next == kNone) return {};
    return pairs.find(links[at].id, links[links[at].next].id);
  };
  std::vector<std::uint64_t> heap;  // rank << 32 | place
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t rank = merge_at(i).rank;
    if (rank != Merge::kNever) heap.push_back(rank << 32 | i);
  }
  const auto later = std::greater<>();
  std::make_heap(heap.begin(), heap.end(), later);
  const auto add = [&](std::uint32_t at) {
    const std::uint64_t rank = merge_at(at).rank;
    if (rank == Merge::kNever) return;
    heap.push_back(rank << 32 | at);
    std::push_heap(heap.begin(), heap.end(), later);
  };

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto rank = static_cast<std::uint32_t>(heap.back() >> 32);
    const auto at = static_cast<std::uint32_t>(heap.back());
    heap.pop_back();
    const Merge merge = merge_at(at);
    if (merge.rank != rank) continue;
    Link& link = links[at];
    Link& eaten = links[link.next];
    link.id = merge.id;
    link.next = eaten.next;
    eaten.id = kGone;
    if (link.next != kNone) links[link.next].previous = at;
    add(at);
    if (link.previous != kNone) add(link.previous);
  }
  for (std::uint32_t at = 0; at != kNone; at = links[at].next) ids.push_back(links[at].id);
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
  if (piece.size() <= kScanLimit) {
    merge_by_scanning(piece, byte_ids, pairs, ids);
  } else {
    merge_by_heap(piece, byte_ids, pairs, ids);
  }
}

}  // namespace gptkit
