#include "data/corpus/mixture.h"

#include <cmath>
#include <set>

#include "data/data_support.h"
#include "data/random_order.h"
#include "data/windows.h"

namespace gptkit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// `size` windows of one token; window w of source s is the number 1000 s + w.
class Numbered : public Dataset {
 public:
  Numbered(std::int64_t source, std::int64_t size) : source_(source), size_(size) {}
  std::int64_t size() const override { return size_; }
  Batch collate(std::span<const std::int64_t> indices) const override {
    Batch batch{.rows = std::ssize(indices), .columns = 1};
    for (const auto index : indices) {
      EXPECT_LT(index, size_);
      batch.inputs.push_back(1000 * source_ + index);
      batch.targets.push_back(-index);
    }
    batch.lengths.assign(indices.size(), 1);
    return batch;
  }

 private:
  std::int64_t source_, size_;
};

MixtureSource source(std::int64_t number, std::int64_t size, double weight) {
  return {concat("source ", number), std::make_shared<Numbered>(number, size), weight};
}

std::vector<MixtureSource> three() {
  return {source(0, 900, 50), source(1, 100, 30), source(2, 7, 20)};
}

std::vector<std::int64_t> counts(const MixtureDataset& mix, std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> counts(mix.sources().size());
  for (std::int64_t i = begin; i < end; ++i) ++counts[mix.pick(i).source];
  return counts;
}

TEST(PermutedIndex, IsAPermutationOfEverySize) {
  for (const std::int64_t n : {1, 2, 3, 7, 63, 64, 65, 1000, 1024, 4097}) {
    std::set<std::int64_t> seen;
    for (std::int64_t i = 0; i < n; ++i) seen.insert(permuted_index(5, n, i));
    EXPECT_EQ(std::ssize(seen), n);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), n - 1);
  }
  constexpr std::int64_t kHuge = (std::int64_t{1} << 61) + 12345;
  const auto place = permuted_index(1, kHuge, kHuge - 1);
  EXPECT_TRUE(place >= 0 && place < kHuge);
}

TEST(PermutedIndex, TakesEachIndexEverywhereEquallyOften) {
  constexpr int kPlaces = 10, kSeeds = 20'000;
  for (const std::int64_t index : {0, 4, 9}) {
    std::vector<double> hits(kPlaces);
    for (int seed = 0; seed < kSeeds; ++seed) ++hits[permuted_index(seed, kPlaces, index)];
    double chi_square = 0;
    for (const double n : hits) chi_square += std::pow(n - kSeeds / kPlaces, 2) * kPlaces / kSeeds;
    EXPECT_LT(chi_square, 27.9) << index << ": 9 degrees of freedom, one in a thousand";
  }
}

TEST(Mixture, SharesAreTheWeightsWhateverTheSizes) {
  const MixtureDataset mix(three(), 123);
  EXPECT_TRUE(mix.endless());
  EXPECT_EQ(mix.size(), 1007);
  EXPECT_DOUBLE_EQ(mix.share(1), 0.3);
  EXPECT_THAT(counts(mix, 0, 100 * 1024), ElementsAre(51'200, 30'720, 20'480));
  for (const std::int64_t block : {0, 1, 77}) {
    const auto here = counts(mix, block * 1024, (block + 1) * 1024);
    EXPECT_NEAR(static_cast<double>(here[0]), 512, 2);
    EXPECT_NEAR(static_cast<double>(here[1]), 307.2, 2);
    EXPECT_NEAR(static_cast<double>(here[2]), 204.8, 2);
  }
  EXPECT_THAT(mix.drawn(10'240), ElementsAre(5'120, 3'072, 2'048));
}

TEST(Mixture, ManySourcesOfAnyWeightGetTheirShare) {
  std::vector<MixtureSource> sources;
  double total = 0;
  for (std::int64_t i = 0; i < 40; ++i) {
    sources.push_back(source(i, 1 + 37 * i % 11, std::pow(1.3, static_cast<double>(i))));
    total += sources.back().weight;
  }
  const MixtureDataset mix(sources, 1);
  constexpr std::int64_t kWindows = 200 * 1024;
  const auto drawn = counts(mix, 0, kWindows);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    // Each level of the choice rounds once, and what it rounds is passed on: a few windows at most.
    EXPECT_NEAR(static_cast<double>(drawn[i]), sources[i].weight / total * kWindows, 3) << i;
  }
}

TEST(Mixture, ABatchIsComposedByChance) {
  const MixtureDataset mix({source(0, 50, 1), source(1, 50, 1)}, 9);
  std::set<std::int64_t> seen;
  double squares = 0;
  constexpr int kBatches = 128, kSize = 8;
  for (std::int64_t b = 0; b < kBatches; ++b) {
    const auto first = counts(mix, kSize * b, kSize * (b + 1))[0];
    seen.insert(first);
    squares += std::pow(static_cast<double>(first) - kSize / 2, 2) / kBatches;
  }
  EXPECT_GE(seen.size(), 6u);
  EXPECT_NEAR(squares, kSize / 4.0, 0.8) << "the variance of drawing without replacement";
}

TEST(Mixture, EverySourceShowsAllItsWindowsOncePerEpochInAnotherOrder) {
  const MixtureDataset mix(three(), 4);
  std::vector<std::vector<std::vector<std::int64_t>>> order(3);  // source, epoch, windows
  for (std::int64_t i = 0; i < 20 * 1024; ++i) {
    const auto at = mix.pick(i);
    auto& epochs = order[at.source];
    epochs.resize(std::max(epochs.size(), static_cast<std::size_t>(at.epoch) + 1));
    epochs[static_cast<std::size_t>(at.epoch)].push_back(at.window);
  }
  for (std::size_t s = 0; s < 3; ++s) {
    const auto size = mix.sources()[s].windows->size();
    ASSERT_GT(order[s].size(), 3u);
    EXPECT_NE(order[s][0], order[s][1]);
    for (std::size_t epoch = 0; epoch + 2 < order[s].size(); ++epoch) {
      EXPECT_EQ(std::ssize(order[s][epoch]), size);
      EXPECT_EQ(std::set(order[s][epoch].begin(), order[s][epoch].end()).size(),
                static_cast<std::size_t>(size));
    }
  }
}

TEST(Mixture, TheSeedDecidesTheOrderAndNothingElseDoes) {
  const MixtureDataset mix(three(), 4), same(three(), 4), other(three(), 5);
  int differ = 0;
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{5000}, std::int64_t{1} << 40}) {
    for (std::int64_t i = at; i < at + 100; ++i) {
      EXPECT_EQ(mix.pick(i), same.pick(i));
      differ += mix.pick(i) != other.pick(i);
    }
  }
  EXPECT_GT(differ, 250);
}

TEST(Mixture, CollatesRowsInTheOrderOfThePositions) {
  const MixtureDataset mix(three(), 4);
  const std::vector<std::int64_t> positions = {5, 1, 70'000};
  const auto batch = mix.collate(positions);
  EXPECT_EQ(batch.rows, 3);
  EXPECT_EQ(batch.lengths.size(), 3u);
  for (std::size_t row = 0; row < 3; ++row) {
    const auto at = mix.pick(positions[row]);
    EXPECT_EQ(batch.inputs[row], 1000 * static_cast<std::int64_t>(at.source) + at.window);
    EXPECT_EQ(batch.targets[row], -at.window);
  }
}

TEST(Mixture, ALoaderGoesOnAnywhereWithTheSameBatches) {
  const auto mix = std::make_shared<MixtureDataset>(three(), 4);
  const LoaderOptions options{.batch_size = 16, .shuffle = true, .drop_last = true};
  Loader whole(mix, options);
  EXPECT_EQ(whole.batches(), 1007 / 16);
  std::vector<std::int64_t> all;
  std::vector<LoaderState> states;
  std::vector<std::vector<std::int64_t>> batches;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    whole.start_epoch(epoch * 77);
    states.push_back(whole.state());
    while (const auto batch = whole.next()) {
      all.insert(all.end(), batch->inputs.begin(), batch->inputs.end());
      batches.push_back(batch->inputs);
      states.push_back(whole.state());
    }
    states.pop_back();
  }
  // No position is left out between epochs, although 1,007 is no multiple of 16.
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto at = mix->pick(static_cast<std::int64_t>(i));
    ASSERT_EQ(all[i], 1000 * static_cast<std::int64_t>(at.source) + at.window) << i;
  }
  for (std::size_t at = 0; at < batches.size(); at += 13) {
    Loader resumed(std::make_shared<MixtureDataset>(three(), 4), options);
    resumed.restore(states[at]);
    EXPECT_EQ(resumed.next()->inputs, batches[at]) << at;
  }
}

TEST(Mixture, RanksShareThePositions) {
  const auto mix = std::make_shared<MixtureDataset>(three(), 4);
  Loader one(mix, {.batch_size = 8}), left(mix, {.batch_size = 4, .rank = 0, .ranks = 2}),
      right(mix, {.batch_size = 4, .rank = 1, .ranks = 2});
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (auto* loader : {&one, &left, &right}) loader->start_epoch();
    for (int i = 0; i < 20; ++i) {
      auto both = left.next()->inputs;
      const auto more = right.next()->inputs;
      both.insert(both.end(), more.begin(), more.end());
      EXPECT_EQ(one.next()->inputs, both);
    }
  }
}

TEST(Mixture, ASampleForEvaluationRepeatsNoWindow) {
  const auto sources = three();
  const auto windows = windows_without_repeats(sources);
  EXPECT_EQ(windows, 37) << "7 windows of the last source at a share of 1/5, rounded";
  const MixtureDataset mix(sources, 1, windows);
  EXPECT_FALSE(mix.endless());
  EXPECT_EQ(mix.size(), windows);
  std::set<std::pair<std::size_t, std::int64_t>> seen;
  for (std::int64_t i = 0; i < windows; ++i) {
    EXPECT_EQ(mix.pick(i).epoch, 0);
    seen.insert({mix.pick(i).source, mix.pick(i).window});
  }
  EXPECT_EQ(std::ssize(seen), windows);
  EXPECT_THAT(counts(mix, 0, 10), ElementsAre(5, 3, 2)) << "every prefix has the shares";
}

TEST(Mixture, RefusesWeightsThatAreNotPositiveAndWindowsOfSeveralWidths) {
  const auto mix = [](double weight) {
    MixtureDataset({source(0, 5, 1), source(1, 5, weight)}, 1);
  };
  test::expect_error([&] { mix(0); }, "data source source 1: weight 0 must be above 0");
  test::expect_error([&] { mix(-1); }, "weight -1 must be above 0");
  test::expect_error([&] { mix(std::nan("")); }, "must be above 0");
  test::expect_error([] { MixtureDataset({}, 1); }, "at least one source");
  const auto windows = [](std::int64_t length) {
    return std::make_shared<WindowDataset>(TokenStream(std::vector<TokenId>(100, 1)),
                                           WindowOptions{length, length}, "text");
  };
  const MixtureDataset uneven({{"a", windows(4), 1}, {"b", windows(5), 1}}, 1);
  std::vector<std::int64_t> positions(64);
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int64_t>(i);
  test::expect_error([&] { uneven.collate(positions); }, "cannot be mixed with windows of");
}

// The published table: its weights add up to 101, and its last column (0.44, 2.9, 1.9, 0.43, 3.4)
// follows from the other two only roughly, because all are rounded.
TEST(Mixture, PrintsGpt3sTable) {
  constexpr std::int64_t kBillion = 1'000'000'000, kRun = 300 * kBillion;
  std::vector<MixtureRow> rows = {{"Common Crawl (filtered)", 410 * kBillion, 60},
                                  {"WebText2", 19 * kBillion, 22},
                                  {"Books1", 12 * kBillion, 8},
                                  {"Books2", 55 * kBillion, 8},
                                  {"Wikipedia", 3 * kBillion, 3}};
  for (auto& row : rows) {
    row.epochs = row.weight / 101 * static_cast<double>(kRun) / static_cast<double>(row.tokens);
  }
  EXPECT_EQ(mixture_table(rows, kRun),
            "data mixture, training for 300,000,000,000 tokens (the weights add up to 101 and are "
            "scaled to 100 %)\n"
            "  dataset                  quantity (tokens)    weight in mix   epochs\n"
            "  Common Crawl (filtered)    410,000,000,000           59.4 %     0.43\n"
            "  WebText2                    19,000,000,000           21.8 %     3.44\n"
            "  Books1                      12,000,000,000            7.9 %     1.98\n"
            "  Books2                      55,000,000,000            7.9 %     0.43\n"
            "  Wikipedia                    3,000,000,000            3.0 %     2.97");
  rows.resize(2);
  rows[0].weight = 0.75;
  rows[1].weight = 0.25;
  EXPECT_THAT(mixture_table(rows, 1000), testing::StartsWith("data mixture, training for 1,000 "
                                                             "tokens\n"));
}

}  // namespace
}  // namespace gptkit
