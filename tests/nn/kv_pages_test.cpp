#include "nn/kv_pages.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

KvLayout layout() {
  return KvLayout::of({.n_layer = 2, .n_kv_head = 3, .d_head = 20}, CacheKind::kFloat32);
}

std::byte& first_byte(const KvSequence& sequence, size_t page) {
  return *sequence.pages()[page].get();
}

/// A sequence of `tokens` tokens.
KvSequence filled(KvPagePool& pool, int64_t tokens) {
  KvSequence sequence;
  sequence.grow(pool, tokens);
  sequence.advance(tokens);
  return sequence;
}

TEST(KvLayout, LaysBlocksAndHeadsOutWithoutOverlap) {
  for (const auto kind : {CacheKind::kFloat32, CacheKind::kBFloat16, CacheKind::kInt8}) {
    const auto l = KvLayout::of({.n_layer = 2, .n_kv_head = 3, .d_head = 20}, kind);
    EXPECT_EQ(l.head_dim, 32) << "padded to whole vectors";
    int64_t end = 0;
    for (int64_t layer = 0; layer < 2; ++layer) {
      for (int64_t head = 0; head < 3; ++head) {
        EXPECT_EQ(l.keys(layer, head), end);
        EXPECT_EQ(l.values(layer, head), end + cache_bytes(kind, 32));
        end += 2 * cache_bytes(kind, 32);
      }
    }
    EXPECT_EQ(l.page_bytes(), end);
  }
}

TEST(KvPages, ReturnToThePoolWithTheirLastOwner) {
  KvPagePool pool(layout(), 4);
  auto sequence = filled(pool, 70);
  EXPECT_EQ(sequence.tokens(), 70);
  EXPECT_EQ(pool.free_pages(), 1);
  {
    const auto copy = sequence;
    EXPECT_EQ(pool.free_pages(), 1) << "a copy shares the pages";
    sequence = {};
    EXPECT_EQ(pool.free_pages(), 1);
  }
  EXPECT_EQ(pool.free_pages(), 4);
}

TEST(KvPages, OutliveThePool) {
  std::optional<KvPagePool> pool(std::in_place, layout(), 2);
  const auto sequence = filled(*pool, 3);
  pool.reset();
  first_byte(sequence, 0) = std::byte{1};
  EXPECT_EQ(first_byte(sequence, 0), std::byte{1});
}

TEST(KvPages, AreZeroWhenTheyAreUsedAgain) {
  KvPagePool pool(layout(), 1);
  const auto bytes = static_cast<size_t>(layout().page_bytes());
  for (int round = 0; round < 2; ++round) {
    const auto page = pool.take();
    EXPECT_EQ(std::count(page.get(), page.get() + bytes, std::byte{0}), std::ptrdiff_t(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(page.get()) % 64, 0U);
    std::memset(page.get(), 0xFF, bytes);
  }
}

TEST(KvPages, MoreThanThePoolHoldsAreRefused) {
  KvPagePool pool(layout(), 2);
  KvSequence sequence;
  expect_error([&] { sequence.grow(pool, 65); }, "all 2 pages of the key/value cache are in use");
}

TEST(KvSequence, NeedsPagesAsTokensFillThem) {
  KvPagePool pool(layout(), 10);
  KvSequence sequence;
  EXPECT_EQ(sequence.pages_needed(0), 0);
  EXPECT_EQ(sequence.pages_needed(1), 1);
  EXPECT_EQ(sequence.pages_needed(32), 1);
  EXPECT_EQ(sequence.pages_needed(33), 2);
  sequence = filled(pool, 30);
  EXPECT_EQ(sequence.pages_needed(2), 0);
  EXPECT_EQ(sequence.pages_needed(3), 1);
  for (const int64_t count : {2, 3, 40, 100}) {
    const auto before = pool.free_pages(), needed = sequence.pages_needed(count);
    sequence.grow(pool, count);
    EXPECT_EQ(before - pool.free_pages(), needed) << count;
    EXPECT_EQ(sequence.tokens(), 30) << "room alone adds no token";
    EXPECT_EQ(sequence.pages_needed(count), 0) << "there is room already";
  }
}

TEST(KvSequence, APageThatIsSharedIsCopiedWhenOneOwnerGoesOn) {
  KvPagePool pool(layout(), 10);
  auto first = filled(pool, 40);
  first_byte(first, 1) = std::byte{7};
  auto second = first;
  EXPECT_EQ(second.pages_needed(1), 1) << "room in the page, but it belongs to two";
  second.grow(pool, 1);
  second.advance(1);
  EXPECT_EQ(second.pages()[0], first.pages()[0]);
  ASSERT_NE(second.pages()[1], first.pages()[1]);
  EXPECT_EQ(second.addresses()[1], second.pages()[1].get());
  EXPECT_EQ(first_byte(second, 1), std::byte{7});
  first_byte(second, 1) = std::byte{8};
  EXPECT_EQ(first_byte(first, 1), std::byte{7});
  EXPECT_EQ(first.pages_needed(1), 0) << "now it is alone";
}

TEST(KvSequence, AFullPageIsSharedForGood) {
  KvPagePool pool(layout(), 10);
  const auto first = filled(pool, 64);
  auto second = first;
  EXPECT_EQ(second.pages_needed(1), 1) << "a new page, no copy";
  second.grow(pool, 1);
  EXPECT_EQ(pool.free_pages(), 7);
  EXPECT_EQ(second.pages()[1], first.pages()[1]);
}

TEST(KvSequence, TruncatingReturnsThePagesBehind) {
  KvPagePool pool(layout(), 10);
  auto sequence = filled(pool, 100);
  EXPECT_EQ(pool.free_pages(), 6);
  sequence.truncate(64);
  EXPECT_EQ(pool.free_pages(), 8);
  EXPECT_EQ(sequence.tokens(), 64);
  sequence.truncate(33);
  EXPECT_EQ(pool.free_pages(), 8) << "the second page still holds a token";
  sequence.truncate(0);
  EXPECT_EQ(pool.free_pages(), 10);
  expect_error([&] { sequence.truncate(1); }, "cannot cut a sequence of 0 tokens to 1");
}

TEST(KvSequence, TakesPagesOverInOrder) {
  KvPagePool pool(layout(), 10);
  const auto source = filled(pool, 70);
  KvSequence sequence;
  sequence.append_page(source.pages()[0], 32);
  sequence.append_page(source.pages()[1], 5);
  EXPECT_EQ(sequence.tokens(), 37);
  EXPECT_EQ(sequence.addresses()[1], source.pages()[1].get());
  EXPECT_EQ(pool.free_pages(), 7);
  expect_error([&] { sequence.append_page(source.pages()[2], 6); }, "a page of 6 tokens behind 37");
}

}  // namespace
}  // namespace gptkit
