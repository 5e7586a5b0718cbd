#include "nn/kv_cache.h"

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

/// (B,1,T,2) of one value each.
torch::Tensor tokens(int64_t B, int64_t T, float value) { return torch::full({B, 1, T, 2}, value); }

TEST(LayerCache, GivesAllKeysAndValuesSoFarInOrder) {
  LayerCache cache(2, 1, 4, 2, torch::kFloat32);
  cache.append(tokens(2, 1, 1), tokens(2, 1, -1));
  const auto [k, v] = cache.append(tokens(2, 2, 2), tokens(2, 2, -2));
  EXPECT_EQ(cache.tokens(), 3);
  EXPECT_EQ(k.sizes(), (std::vector<int64_t>{2, 1, 3, 2}));
  EXPECT_TRUE(k.equal(torch::cat({tokens(2, 1, 1), tokens(2, 2, 2)}, 2)));
  EXPECT_TRUE(v.equal(-k));
}

TEST(LayerCache, RefusesMoreThanItHolds) {
  LayerCache cache(1, 1, 2, 2, torch::kFloat32);
  cache.append(tokens(1, 2, 1), tokens(1, 2, 1));
  expect_error([&] { cache.append(tokens(1, 1, 2), tokens(1, 1, 2)); },
               "the key/value cache holds 2 tokens and 3 were fed");
  EXPECT_EQ(cache.tokens(), 2);
}

TEST(LayerCache, WhatWasCutOffIsWrittenOver) {
  LayerCache cache(1, 1, 3, 2, torch::kFloat32);
  cache.append(tokens(1, 3, 1), tokens(1, 3, 1));
  cache.truncate(1);
  const auto [k, v] = cache.append(tokens(1, 1, 5), tokens(1, 1, 6));
  EXPECT_TRUE(k.equal(torch::cat({tokens(1, 1, 1), tokens(1, 1, 5)}, 2)));
  EXPECT_TRUE(v.equal(torch::cat({tokens(1, 1, 1), tokens(1, 1, 6)}, 2)));
  expect_error([&] { cache.truncate(3); }, "cannot cut a cache of 2 tokens to 3");
}

TEST(LayerCache, ReorderingCopiesRowsOfTheBatch) {
  LayerCache cache(3, 1, 2, 2, torch::kFloat32);
  const auto rows = torch::arange(3, torch::kFloat32).view({3, 1, 1, 1}).expand({3, 1, 1, 2});
  cache.append(rows, rows + 10);
  cache.reorder(torch::tensor({2, 2, 0}));
  const auto [k, v] = cache.append(tokens(3, 1, 7), tokens(3, 1, 7));
  EXPECT_TRUE(k.select(2, 0).equal(rows.index_select(0, torch::tensor({2, 2, 0})).select(2, 0)));
  EXPECT_TRUE(v.select(2, 0).equal(k.select(2, 0) + 10));
}

TEST(KvCache, HasAnOwnCacheForEachLayerAndCutsAllOfThem) {
  KvCache cache({.n_layer = 2, .n_kv_head = 1, .d_head = 2}, /*batch=*/1, /*max_tokens=*/3,
                torch::kFloat32);
  cache.layer(0).append(tokens(1, 2, 1), tokens(1, 2, 1));
  EXPECT_EQ(cache.layer(1).tokens(), 0);
  cache.layer(1).append(tokens(1, 2, 1), tokens(1, 2, 1));
  cache.truncate(1);
  EXPECT_EQ(cache.tokens(), 1);
  EXPECT_EQ(cache.layer(1).tokens(), 1);
  EXPECT_EQ(cache.max_tokens(), 3);
}

}  // namespace
}  // namespace gptkit
