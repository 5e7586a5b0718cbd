#pragma once
// Keys and values of many sequences in pages of kPageTokens tokens (kernels/decoding.h). Sequences
// with the same beginning share its pages (arXiv:2309.06180); a page is copied when one of its
// owners writes to it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/decoding.h"
#include "nn/options.h"

namespace gptkit {

constexpr auto enum_names(CacheKind) {
  return std::array{std::pair{"float32", CacheKind::kFloat32},
                    std::pair{"bfloat16", CacheKind::kBFloat16},
                    std::pair{"int8", CacheKind::kInt8}};
}

/// Where keys and values lie in a page: block by block, head by head.
struct KvLayout {
  CacheKind kind = CacheKind::kFloat32;
  int64_t n_layer = 0, n_kv_head = 0;
  int64_t head_dim = 0;  // padded to a multiple of kLanes

  static KvLayout of(const CacheShape& shape, CacheKind kind);
  int64_t keys(int64_t layer, int64_t head) const {
    return (layer * n_kv_head + head) * 2 * cache_bytes(kind, head_dim);
  }
  int64_t values(int64_t layer, int64_t head) const {
    return keys(layer, head) + cache_bytes(kind, head_dim);
  }
  int64_t page_bytes() const { return keys(n_layer, 0); }
};

/// Aligned memory of page_bytes(); returns to the pool when the last owner lets go.
using KvPage = std::shared_ptr<std::byte>;

class KvPagePool {
 public:
  /// At most `max_pages` at once; memory is allocated when a page is first needed.
  KvPagePool(const KvLayout& layout, int64_t max_pages);

  const KvLayout& layout() const { return state_->layout; }
  int64_t max_pages() const { return state_->max_pages; }
  int64_t free_pages() const { return state_->max_pages - state_->used; }

  /// Fails when all are in use: callers ask free_pages() first.
  KvPage take();
  KvPage copy(const KvPage& page);

 private:
  struct State {
    KvLayout layout;
    int64_t max_pages = 0, used = 0;
    std::vector<std::unique_ptr<std::byte, void (*)(std::byte*)>> idle;
  };
  std::shared_ptr<State> state_;  // pages outlive the pool's owner
};

/// The pages of one sequence, in order. A copy shares them.
class KvSequence {
 public:
  int64_t tokens() const { return tokens_; }
  const std::vector<KvPage>& pages() const { return pages_; }
  std::byte* const* addresses() const { return addresses_.data(); }

  /// Pages that the pool must have free so that `count` more tokens fit.
  int64_t pages_needed(int64_t count) const;
  /// Makes room for `count` tokens behind the last, in pages of its own.
  void grow(KvPagePool& pool, int64_t count);
  /// Says that the room has been filled.
  void advance(int64_t count) { tokens_ += count; }
  /// Forgets all but the first `tokens`.
  void truncate(int64_t tokens);
  /// Takes over a page that holds `tokens` tokens; the last page so far is full.
  void append_page(const KvPage& page, int64_t tokens);

 private:
  bool last_is_shared() const;

  std::vector<KvPage> pages_;
  std::vector<std::byte*> addresses_;
  int64_t tokens_ = 0;
};

}  // namespace gptkit
