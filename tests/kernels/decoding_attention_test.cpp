// Attention over pages of keys and values, and what is written to them, at every level.

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/decoding.h"
#include "kernels_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using Floats = std::vector<float>;
using Vectors = std::vector<Floats>;

constexpr CacheKind kCaches[] = {CacheKind::kFloat32, CacheKind::kBFloat16, CacheKind::kInt8};

class DecodingAttention : public test::LevelTest {};
GPTKIT_EACH_LEVEL(DecodingAttention);

/// `count` random vectors of `size` elements, padded with zeros.
Vectors random_vectors(int64_t count, int64_t size, int64_t padded) {
  Vectors vectors;
  for (int64_t i = 0; i < count; ++i) {
    const auto values = torch::randn({size});
    Floats vector(values.const_data_ptr<float>(), values.const_data_ptr<float>() + size);
    vector.resize(static_cast<size_t>(padded));
    vectors.push_back(vector);
  }
  return vectors;
}

/// What a cache of this kind keeps of a vector.
Floats kept(CacheKind cache, Floats x) {
  if (cache == CacheKind::kBFloat16) {
    auto values = torch::from_blob(x.data(), {std::ssize(x)});
    values.copy_(values.to(torch::kBFloat16).to(torch::kFloat32));
  } else if (cache == CacheKind::kInt8) {
    float most = 0;
    for (const float v : x) most = std::max(most, std::abs(v));
    for (float& v : x) v = most / 127 * std::nearbyint(v * (127 / most));
  }
  return x;
}

/// Pages with keys and values of one block and head, something else before and behind them.
struct Pages {
  CacheKind cache;
  int64_t head_dim, keys = 64, values = 0;
  std::vector<std::vector<std::byte>> memory = {};
  std::vector<std::byte*> addresses = {};

  Pages(CacheKind kind, int64_t dim, int64_t pages) : cache(kind), head_dim(dim) {
    values = keys + cache_bytes(kind, dim);
    for (int64_t i = 0; i < pages; ++i) {
      memory.emplace_back(static_cast<size_t>(values + cache_bytes(kind, dim) + 64));
    }
    for (auto& page : memory) addresses.push_back(page.data());
  }
  void write(int64_t token, const Floats& key, const Floats& value) {
    kernels().decoding->write_cache({cache, addresses[static_cast<size_t>(token / kPageTokens)],
                                     keys, values, head_dim, token % kPageTokens, key.data(),
                                     value.data()});
  }
};

/// Results of queries that are computed together.
Vectors attend(const Pages& pages, const Vectors& queries, const std::vector<int64_t>& seen) {
  Vectors results(queries.size(), Floats(static_cast<size_t>(pages.head_dim), std::nanf("")));
  std::vector<const float*> q;
  std::vector<float*> out;
  for (size_t i = 0; i < queries.size(); ++i) {
    q.push_back(queries[i].data());
    out.push_back(results[i].data());
  }
  kernels().decoding->attend({pages.cache, pages.addresses.data(), pages.keys, pages.values,
                              pages.head_dim, std::ssize(queries), q.data(), out.data(),
                              seen.data(), 0.3F});
  return results;
}

/// The same in float64.
std::vector<double> plain(const Floats& query, const Vectors& keys, const Vectors& values,
                          int64_t seen) {
  std::vector<double> weights;
  double total = 0;
  for (int64_t t = 0; t < seen; ++t) {
    double score = 0;
    for (size_t d = 0; d < query.size(); ++d) {
      score += double{query[d]} * keys[static_cast<size_t>(t)][d];
    }
    weights.push_back(std::exp(double{0.3F} * score));
    total += weights.back();
  }
  std::vector<double> result(query.size());
  for (size_t t = 0; t < weights.size(); ++t) {
    for (size_t d = 0; d < query.size(); ++d) result[d] += weights[t] / total * values[t][d];
  }
  return result;
}

TEST_P(DecodingAttention, EqualsAPlainLoopOverWhatTheCacheKeeps) {
  const int64_t tokens = 70;  // two pages and a part of the third
  for (const auto cache : kCaches) {
    for (const auto& [size, padded] :
         std::vector<std::pair<int64_t, int64_t>>{{16, 16}, {20, 32}, {64, 64}, {76, 80}}) {
      const auto keys = random_vectors(tokens, size, padded);
      const auto values = random_vectors(tokens, size, padded);
      Pages pages(cache, padded, 3);
      Vectors kept_keys, kept_values;
      for (size_t t = 0; t < keys.size(); ++t) {
        pages.write(static_cast<int64_t>(t), keys[t], values[t]);
        kept_keys.push_back(kept(cache, keys[t]));
        kept_values.push_back(kept(cache, values[t]));
      }
      const auto queries = random_vectors(4, size, padded);
      for (const auto& seen : std::vector<std::vector<int64_t>>{
               {1}, {70}, {5, 33}, {31, 32, 33}, {67, 68, 69, 70}, {70, 1, 64, 65}}) {
        const auto got = attend(pages, {queries.begin(), queries.begin() + std::ssize(seen)}, seen);
        for (size_t n = 0; n < seen.size(); ++n) {
          const auto want = plain(queries[n], kept_keys, kept_values, seen[n]);
          for (size_t d = 0; d < want.size(); ++d) {
            ASSERT_NEAR(got[n][d], want[d], 1e-5) << "head " << size << ", seen " << seen[n];
          }
        }
      }
    }
  }
}

TEST_P(DecodingAttention, AQuerysResultDoesNotDependOnTheOthers) {
  for (const auto cache : kCaches) {
    Pages pages(cache, 32, 3);
    const auto keys = random_vectors(70, 32, 32), values = random_vectors(70, 32, 32);
    for (size_t t = 0; t < keys.size(); ++t) {
      pages.write(static_cast<int64_t>(t), keys[t], values[t]);
    }
    const auto queries = random_vectors(4, 32, 32);
    const std::vector<int64_t> seen = {3, 32, 50, 70};
    for (size_t count = 2; count <= 4; ++count) {
      const auto together =
          attend(pages, {queries.begin(), queries.begin() + std::ptrdiff_t(count)},
                 {seen.begin(), seen.begin() + std::ptrdiff_t(count)});
      for (size_t n = 0; n < count; ++n) {
        EXPECT_EQ(together[n], attend(pages, {queries[n]}, {seen[n]}).front()) << n;
      }
    }
  }
}

TEST_P(DecodingAttention, ALargeScoreTakesAllAndOverflowsNothing) {
  Pages pages(CacheKind::kFloat32, 16, 2);
  const Floats small(16, -100), large(16, 100);
  for (int64_t t = 0; t < 40; ++t) pages.write(t, t == 35 ? large : small, Floats(16, float(t)));
  EXPECT_THAT(attend(pages, {Floats(16, 50)}, {40}).front(), testing::Each(35.0F));
}

TEST_P(DecodingAttention, AWriteTouchesItsOwnSlot) {
  const int64_t dim = 32, slot = 7;
  for (const auto cache : kCaches) {
    Pages pages(cache, dim, 1);
    std::fill(pages.memory[0].begin(), pages.memory[0].end(), std::byte{0x11});
    const auto before = pages.memory[0];
    pages.write(slot, Floats(dim, 1), Floats(dim, 2));
    size_t changed = 0;
    for (size_t i = 0; i < before.size(); ++i) changed += before[i] != pages.memory[0][i];
    const size_t element = cache == CacheKind::kFloat32 ? 4 : cache == CacheKind::kBFloat16 ? 2 : 1;
    const size_t scales = cache == CacheKind::kInt8 ? 8 : 0;
    EXPECT_LE(changed, 2 * dim * element + scales);
    EXPECT_GE(changed, 2 * size_t{dim});
  }
}

TEST_P(DecodingAttention, KeysLieByElementAndValuesByToken) {
  const int64_t dim = 16, slot = 5;
  Pages pages(CacheKind::kFloat32, dim, 1);
  Floats key, value;
  for (int i = 0; i < dim; ++i) {
    key.push_back(float(i) + 1);
    value.push_back(-float(i) - 1);
  }
  pages.write(slot, key, value);
  const auto at = [&](int64_t begin, int64_t index) {
    float x = 0;
    std::memcpy(&x, pages.memory[0].data() + begin + 4 * index, 4);
    return x;
  };
  for (int64_t d = 0; d < dim; ++d) {
    EXPECT_EQ(at(pages.keys, d * kPageTokens + slot), float(d) + 1);
    EXPECT_EQ(at(pages.values, slot * dim + d), -float(d) - 1);
  }
}

TEST_P(DecodingAttention, AVectorOfNothingIsKeptAsZero) {
  for (const float tiny : {0.0F, 1e-45F, 1e-40F}) {
    Pages pages(CacheKind::kInt8, 16, 1);
    Floats almost(16, 0);
    almost[2] = tiny;
    pages.write(0, almost, almost);
    const auto out = attend(pages, {Floats(16, 1)}, {1}).front();
    EXPECT_THAT(out, testing::Each(0.0F)) << tiny;
  }
}

}  // namespace
}  // namespace gptkit
