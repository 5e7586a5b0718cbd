#include "data/loader.h"

#include <algorithm>

#include "data/data_support.h"
#include "data/random_order.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

/// Example i is the number i.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  Batch collate(std::span<const std::int64_t> indices) const override {
    return {.rows = std::ssize(indices), .columns = 1, .inputs = {indices.begin(), indices.end()}};
  }

 private:
  std::int64_t size_;
};

Loader loader(std::int64_t size, const LoaderOptions& options) {
  return {std::make_shared<Numbers>(size), options};
}

std::vector<std::vector<std::int64_t>> rest_of_epoch(Loader& loader) {
  std::vector<std::vector<std::int64_t>> batches;
  while (auto batch = loader.next()) batches.push_back(batch->inputs);
  return batches;
}

TEST(Loader, GoesThroughTheExamplesInOrder) {
  auto numbers = loader(5, {.batch_size = 2});
  EXPECT_EQ(numbers.batches(), 3);
  EXPECT_FALSE(numbers.next()) << "no epoch has begun";
  numbers.start_epoch();
  EXPECT_THAT(rest_of_epoch(numbers),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
}

TEST(Loader, DropsTheIncompleteLastBatchWhenAsked) {
  auto numbers = loader(5, {.batch_size = 2, .drop_last = true});
  EXPECT_EQ(numbers.batches(), 2);
  numbers.start_epoch();
  EXPECT_EQ(rest_of_epoch(numbers).size(), 2u);
}

TEST(Loader, ShufflesAsPyTorchsRandomSamplerDoes) {
  auto numbers = loader(10, {.batch_size = 4, .shuffle = true});
  numbers.start_epoch(123);
  EXPECT_THAT(rest_of_epoch(numbers),
              ElementsAre(ElementsAre(2, 0, 8, 1), ElementsAre(3, 7, 4, 9), ElementsAre(5, 6)));
  numbers.start_epoch(5);
  EXPECT_THAT(numbers.next()->inputs, ElementsAre(1, 4, 9, 6));
}

TEST(Loader, ContinuesWhereItStood) {
  const LoaderOptions options{.batch_size = 3, .shuffle = true};
  auto uninterrupted = loader(20, options);
  uninterrupted.start_epoch(1);
  rest_of_epoch(uninterrupted);
  uninterrupted.start_epoch(2);
  uninterrupted.next();
  const auto state = uninterrupted.state();
  EXPECT_EQ(state, (LoaderState{.epoch = 2, .batch = 1, .seed = 2}));

  auto resumed = loader(20, options);
  resumed.restore(state);
  EXPECT_EQ(rest_of_epoch(resumed), rest_of_epoch(uninterrupted));
  EXPECT_EQ(resumed.state(), uninterrupted.state());
}

TEST(Loader, RefusesAPositionOfOtherData) {
  auto numbers = loader(4, {.batch_size = 2});
  test::expect_error([&] { numbers.restore({.epoch = 1, .batch = 3, .seed = 0}); },
                     "cannot continue at batch 3 of epoch 1: an epoch has 2 batches");
}

TEST(Loader, RanksShareAnEpochEvenly) {
  std::vector<std::vector<std::int64_t>> all;
  for (std::int64_t rank = 0; rank < 2; ++rank) {
    auto numbers = loader(11, {.batch_size = 2, .rank = rank, .ranks = 2});
    EXPECT_EQ(numbers.batches(), 3);
    numbers.start_epoch();
    for (const auto& batch : rest_of_epoch(numbers)) all.push_back(batch);
  }
  EXPECT_THAT(all, ElementsAre(ElementsAre(0, 1), ElementsAre(4, 5), ElementsAre(8, 9),
                               ElementsAre(2, 3), ElementsAre(6, 7), ElementsAre(10)));
}

TEST(Loader, RefusesToGiveNoBatchAtAll) {
  test::expect_error([] { loader(3, {.batch_size = 4, .drop_last = true}); },
                     "3 examples do not fill a batch of 4");
  test::expect_error([] { loader(3, {.batch_size = 0}); }, "batch size 0 must be at least 1");
}

/// Example i is the number i, and i % 7 + 1 positions long.
class NumbersOfLengths : public Numbers {
 public:
  using Numbers::Numbers;
  std::int64_t padded_length(std::int64_t example) const override { return example % 7 + 1; }
};

std::int64_t padding_of(const std::vector<std::vector<std::int64_t>>& batches) {
  std::int64_t padding = 0;
  for (const auto& batch : batches) {
    const auto length = [](std::int64_t example) { return example % 7 + 1; };
    std::int64_t longest = 0;
    for (const auto example : batch) longest = std::max(longest, length(example));
    for (const auto example : batch) padding += longest - length(example);
  }
  return padding;
}

std::vector<std::int64_t> sorted(const std::vector<std::vector<std::int64_t>>& batches) {
  std::vector<std::int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  std::sort(all.begin(), all.end());
  return all;
}

TEST(LoaderByLength, BatchesHaveLikeLengthsAndChanceStillDecidesTheirOrder) {
  const auto data = std::make_shared<NumbersOfLengths>(403);
  LoaderOptions options{.batch_size = 8, .shuffle = true, .drop_last = true};
  Loader plain(data, options);
  options.group_by_length = true;
  Loader grouped(data, options);
  plain.start_epoch(7);
  grouped.start_epoch(7);
  const auto scattered = rest_of_epoch(plain), together = rest_of_epoch(grouped);
  EXPECT_EQ(together.size(), 50u);
  EXPECT_EQ(sorted(together), sorted(scattered)) << "the same are left out of the last batch";
  EXPECT_LT(5 * padding_of(together), padding_of(scattered));
  // Neither short before long nor the other way round.
  std::int64_t rises = 0;
  for (std::size_t i = 1; i < together.size(); ++i) {
    rises += together[i].front() % 7 > together[i - 1].front() % 7;
  }
  EXPECT_GT(rises, 12);
  EXPECT_LT(rises, 38);
  grouped.start_epoch(8);
  EXPECT_NE(rest_of_epoch(grouped), together);
}

TEST(LoaderByLength, ContinuesWhereItStood) {
  const auto data = std::make_shared<NumbersOfLengths>(100);
  const LoaderOptions options{.batch_size = 3, .shuffle = true, .group_by_length = true};
  Loader uninterrupted(data, options), resumed(data, options);
  uninterrupted.start_epoch(2);
  uninterrupted.next();
  resumed.restore(uninterrupted.state());
  EXPECT_EQ(rest_of_epoch(resumed), rest_of_epoch(uninterrupted));
}

TEST(LoaderByLength, SortsAllWithoutShuffling) {
  Loader loader(std::make_shared<NumbersOfLengths>(15), {.batch_size = 5, .group_by_length = true});
  loader.start_epoch();
  EXPECT_THAT(rest_of_epoch(loader),
              ElementsAre(ElementsAre(0, 7, 14, 1, 8), ElementsAre(2, 9, 3, 10, 4),
                          ElementsAre(11, 5, 12, 6, 13)));
}

TEST(LoaderByLength, LeavesPyTorchsOrderWhereAllAreOfOneLength) {
  auto numbers = loader(10, {.batch_size = 4, .shuffle = true, .group_by_length = true});
  numbers.start_epoch(123);
  EXPECT_THAT(rest_of_epoch(numbers),
              ElementsAre(ElementsAre(2, 0, 8, 1), ElementsAre(3, 7, 4, 9), ElementsAre(5, 6)));
}

}  // namespace
}  // namespace gptkit
