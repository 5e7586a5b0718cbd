#include "infer/prefix_cache.h"

#include <numeric>
#include <vector>

#include "support/support.h"

namespace gptkit {
namespace {

using Ids = std::vector<TokenId>;

/// Pages that carry a mark, so that it shows whose they are.
class Prefixes : public testing::Test {
 protected:
  KvPagePool pool_{KvLayout::of({.n_layer = 1, .n_kv_head = 1, .d_head = 16}, CacheKind::kInt8),
                   20};
  PrefixCache cache_;

  static Ids counted(TokenId first, int64_t count) {
    Ids ids(static_cast<size_t>(count));
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  }
  static Ids joined(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  /// Keeps ids whose pages are marked.
  void keep(const Ids& ids, int mark) {
    KvSequence sequence;
    sequence.grow(pool_, std::ssize(ids));
    sequence.advance(std::ssize(ids));
    for (const auto& page : sequence.pages()) *page = static_cast<std::byte>(mark);
    cache_.insert(ids, sequence);
  }
  KvSequence find(const Ids& ids) { return cache_.find(ids, std::ssize(ids)); }
  int64_t known(const Ids& ids) { return find(ids).tokens(); }
  int64_t used() const { return pool_.max_pages() - pool_.free_pages(); }
};

TEST_F(Prefixes, NothingIsKnownAtFirst) {
  EXPECT_EQ(known(counted(1, 10)), 0);
  EXPECT_EQ(known({}), 0);
  EXPECT_FALSE(cache_.drop_oldest());
}

TEST_F(Prefixes, TheLongestCommonBeginningIsFound) {
  keep(counted(1, 70), 1);
  EXPECT_EQ(known(counted(1, 70)), 70);
  EXPECT_EQ(known(counted(1, 90)), 70);
  EXPECT_EQ(known(counted(1, 40)), 40);
  EXPECT_EQ(known(joined(counted(1, 50), {900, 901})), 50) << "a part of the second page";
  EXPECT_EQ(known(joined({900}, counted(1, 50))), 0) << "the same tokens elsewhere";
  EXPECT_EQ(cache_.find(counted(1, 70), 33).tokens(), 33) << "at most what is asked for";
  EXPECT_EQ(cache_.find(counted(1, 70), 0).tokens(), 0);
  EXPECT_EQ(cache_.find(counted(1, 70), 1000).tokens(), 70);
}

TEST_F(Prefixes, BranchesShareThePagesBeforeThem) {
  const auto shared = counted(1, 64);
  keep(joined(shared, counted(100, 10)), 1);
  keep(joined(shared, counted(200, 20)), 2);
  EXPECT_EQ(used(), 4) << "two shared pages and two of their own";
  const auto found = find(joined(shared, counted(200, 30)));
  EXPECT_EQ(found.tokens(), 84);
  EXPECT_EQ(*found.pages()[0], std::byte{1}) << "those that came first stay";
  EXPECT_EQ(*found.pages()[2], std::byte{2});
  EXPECT_EQ(known(joined(shared, counted(100, 30))), 74);
}

TEST_F(Prefixes, ALongerPageReplacesItsBeginning) {
  keep(counted(1, 10), 1);
  keep(counted(1, 25), 2);
  EXPECT_EQ(used(), 1);
  EXPECT_EQ(known(counted(1, 32)), 25);
  keep(counted(1, 5), 3);
  EXPECT_EQ(known(counted(1, 32)), 25) << "a beginning of what is known adds nothing";
  EXPECT_EQ(*find(counted(1, 25)).pages()[0], std::byte{2});
}

TEST_F(Prefixes, OnlyTokensThatHaveKeysAndValuesAreKept) {
  KvSequence sequence;
  sequence.grow(pool_, 40);
  sequence.advance(40);
  cache_.insert(counted(1, 41), sequence);  // the last one was predicted, not read
  EXPECT_EQ(known(counted(1, 41)), 40);
}

TEST_F(Prefixes, TheBeginningUsedLongestAgoGoesFirst) {
  keep(counted(100, 10), 1);
  keep(counted(200, 10), 2);
  keep(counted(300, 10), 3);
  find(counted(100, 10));
  ASSERT_TRUE(cache_.drop_oldest());
  EXPECT_EQ(used(), 2);
  EXPECT_EQ(known(counted(200, 10)), 0);
  ASSERT_TRUE(cache_.drop_oldest());
  EXPECT_EQ(known(counted(100, 10)), 10) << "used last but one before 300 was looked for";
  EXPECT_EQ(known(counted(300, 10)), 0);
}

TEST_F(Prefixes, APageGoesBeforeThoseItFollows) {
  keep(counted(1, 70), 1);
  for (const int64_t left : {64, 32, 0}) {
    ASSERT_TRUE(cache_.drop_oldest());
    EXPECT_EQ(known(counted(1, 70)), left);
    EXPECT_EQ(used(), left / 32);
  }
  EXPECT_FALSE(cache_.drop_oldest());
}

TEST_F(Prefixes, PagesThatASequenceUsesStay) {
  keep(counted(1, 10), 1);
  keep(counted(100, 10), 2);
  {
    const auto in_use = find(counted(1, 10));
    EXPECT_TRUE(cache_.drop_oldest());
    EXPECT_FALSE(cache_.drop_oldest());
    EXPECT_EQ(known(counted(1, 10)), 10);
  }
  EXPECT_TRUE(cache_.drop_oldest());
}

TEST_F(Prefixes, ClearingReturnsEveryPage) {
  keep(counted(1, 70), 1);
  keep(counted(5, 70), 2);
  cache_.clear();
  EXPECT_EQ(used(), 0);
  EXPECT_EQ(known(counted(1, 70)), 0);
}

TEST(CommonPrefix, IsAsLongAsBothAgree) {
  EXPECT_EQ(common_prefix(Ids{1, 2, 3}, Ids{1, 2, 4}), 2U);
  EXPECT_EQ(common_prefix(Ids{1, 2}, Ids{1, 2, 4}), 2U);
  EXPECT_EQ(common_prefix(Ids{}, Ids{1}), 0U);
}

}  // namespace
}  // namespace gptkit
