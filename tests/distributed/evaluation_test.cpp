#include "train/evaluation.h"

#include <gtest/gtest.h>

#include "distributed/rank_support.h"
#include "distributed/world.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

/// Ten rows; row i has i % 4 targets, and its loss is worth i for each of them.
class Uneven : public Dataset {
 public:
  explicit Uneven(bool endless = false) : endless_(endless) {}
  int64_t size() const override { return 10; }
  bool endless() const override { return endless_; }
  Batch collate(std::span<const int64_t> indices) const override {
    Batch batch{.rows = std::ssize(indices), .columns = 3, .trim = true};
    for (const auto i : indices) {
      batch.examples.push_back(i);
      batch.lengths.push_back(std::max<int64_t>(1, i % 4));
      for (int64_t t = 0; t < batch.columns; ++t) {
        batch.inputs.push_back(i);
        batch.targets.push_back(t < i % 4 ? i : kNoLoss);
      }
    }
    return batch;
  }

 private:
  bool endless_;
};

MeanTerms terms_of(const Batch& batch) {
  EXPECT_EQ(std::ssize(batch.targets), batch.rows * batch.columns);
  MeanTerms terms;
  for (const auto target : batch.targets) {
    if (target == kNoLoss) continue;
    terms.sum += static_cast<double>(target);
    terms.count += 1;
  }
  return terms;
}

World& alone() {
  static World world;
  return world;
}

double mean(int64_t batches, int64_t micro_batch_size, bool drop_last = false,
            World& world = alone()) {
  return mean_over_batches(world, std::make_shared<Uneven>(),
                           {.loader = {.batch_size = 4, .drop_last = drop_last},
                            .batches = batches,
                            .micro_batch_size = micro_batch_size,
                            .name = "val_loss"},
                           terms_of);
}

TEST(Evaluation, IsTheMeanOverAllTermsWhateverTheMicroBatch) {
  for (const int64_t micro : {0, 1, 2, 3, 4, 100}) {
    // Rows 0 to 9 have 0, 1, 2, 3, 0, 1, 2, 3, 0 and 1 targets.
    EXPECT_DOUBLE_EQ(mean(0, micro), (1 + 4 + 9 + 5 + 12 + 21 + 9) / 13.0) << micro;
    EXPECT_DOUBLE_EQ(mean(9, micro), mean(0, 1)) << "no more than there is";
    EXPECT_DOUBLE_EQ(mean(1, micro), (1 + 4 + 9) / 6.0) << micro;
    EXPECT_DOUBLE_EQ(mean(0, micro, /*drop_last=*/true), (1 + 4 + 9 + 5 + 12 + 21) / 12.0) << micro;
  }
}

TEST(Evaluation, EndlessDataAreMeasuredOnce) {
  for (const int64_t batch : {3, 4, 100}) {
    const auto got =
        mean_over_batches(alone(), std::make_shared<Uneven>(/*endless=*/true),
                          {.loader = {.batch_size = batch}, .name = "val_loss"}, terms_of);
    EXPECT_DOUBLE_EQ(got, mean(0, 0)) << batch;
  }
}

TEST(Evaluation, IsTheSameOnAnyNumberOfRanks) {
  for (const int64_t ranks : {2, 3, 5}) {
    const auto results = test::run_ranks(ranks, [](const RankEnvironment& environment) {
      auto& world = *new World(environment, std::chrono::seconds(60), torch::kCPU);
      return concat(mean(0, 3, false, world), " ", mean(1, 1, false, world));
    });
    for (const auto& result : results) EXPECT_EQ(result.text, concat(61 / 13.0, " ", 14 / 6.0));
  }
}

TEST(Evaluation, RefusesRowsWithoutAnythingToPredict) {
  const auto nothing = [](const Batch&) { return MeanTerms{}; };
  expect_error(
      [&] {
        mean_over_batches(alone(), std::make_shared<Uneven>(), {.loader = {}, .name = "val_loss"},
                          nothing);
      },
      "val_loss: none of the evaluated rows has a target to predict");
}

}  // namespace
}  // namespace gptkit
