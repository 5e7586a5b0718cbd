#include "nn/kv_pages.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr size_t kAlignment = 64;

int64_t pages_for(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

size_t allocated(const KvLayout& layout) {
  return (static_cast<size_t>(layout.page_bytes()) + kAlignment - 1) / kAlignment * kAlignment;
}

/// Zeros: a page's unused slots are read, with a weight of 0.
std::byte* new_page(const KvLayout& layout) {
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, allocated(layout)));
  if (!memory) throw std::bad_alloc();
  return memory;
}

void free_page(std::byte* page) { std::free(page); }

}  // namespace

KvLayout KvLayout::of(const CacheShape& shape, CacheKind kind) {
  return {kind, shape.n_layer, shape.n_kv_head, (shape.d_head + kLanes - 1) / kLanes * kLanes};
}

KvPagePool::KvPagePool(const KvLayout& layout, int64_t max_pages)
    : state_(std::make_shared<State>()) {
  state_->layout = layout;
  state_->max_pages = max_pages;
}

KvPage KvPagePool::take() {
  auto& state = *state_;
  require(state.used < state.max_pages, "all ", state.max_pages,
          " pages of the key/value cache are in use");
  std::byte* memory = nullptr;
  if (state.idle.empty()) {
    memory = new_page(state.layout);
  } else {
    memory = state.idle.back().release();
    state.idle.pop_back();
  }
  std::memset(memory, 0, allocated(state.layout));
  ++state.used;
  return {memory, [state = state_](std::byte* page) {
            --state->used;
            state->idle.emplace_back(page, free_page);
          }};
}

KvPage KvPagePool::copy(const KvPage& page) {
  auto fresh = take();
  std::memcpy(fresh.get(), page.get(), static_cast<size_t>(layout().page_bytes()));
  return fresh;
}

bool KvSequence::last_is_shared() const {
  return tokens_ % kPageTokens != 0 && pages_.back().use_count() > 1;
}

int64_t KvSequence::pages_needed(int64_t count) const {
  const int64_t fresh = pages_for(tokens_ + count) - std::ssize(pages_);
  return fresh + (count > 0 && last_is_shared() ? 1 : 0);
}

void KvSequence::grow(KvPagePool& pool, int64_t count) {
  if (count > 0 && last_is_shared()) {
    pages_.back() = pool.copy(pages_.back());
    addresses_.back() = pages_.back().get();
  }
  while (std::ssize(pages_) < pages_for(tokens_ + count)) {
    pages_.push_back(pool.take());
    addresses_.push_back(pages_.back().get());
  }
}

void KvSequence::truncate(int64_t tokens) {
  require(tokens >= 0 && tokens <= tokens_, "cannot cut a sequence of ", tokens_, " tokens to ",
          tokens);
  tokens_ = tokens;
  pages_.resize(static_cast<size_t>(pages_for(tokens)));
  addresses_.resize(pages_.size());
}

void KvSequence::append_page(const KvPage& page, int64_t tokens) {
  require(tokens_ % kPageTokens == 0 && tokens > 0 && tokens <= kPageTokens, "a page of ", tokens,
          " tokens behind ", tokens_);
  pages_.push_back(page);
  addresses_.push_back(page.get());
  tokens_ += tokens;
}

}  // namespace gptkit
