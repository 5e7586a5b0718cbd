#include "train/lr_schedule.h"

#include <cmath>
#include <numbers>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

constexpr double kPeak = 8e-4, kLow = 1e-4;

TrainConfig with(Schedule schedule, int64_t warmup = 0) {
  TrainConfig config;
  config.lr = kPeak;
  config.min_lr = kLow;
  config.schedule = schedule;
  config.warmup_steps = warmup;
  return config;
}

TEST(LearningRate, WarmsUpInAStraightLineThatReachesThePeakAfterIt) {
  for (const auto schedule :
       {Schedule::kConstant, Schedule::kLinear, Schedule::kCosine, Schedule::kWsd}) {
    const auto config = with(schedule, 4);
    for (int64_t step = 0; step < 4; ++step) {
      EXPECT_DOUBLE_EQ(learning_rate(config, step, 100), kPeak * static_cast<double>(step + 1) / 5);
    }
    EXPECT_DOUBLE_EQ(learning_rate(config, 4, 100), kPeak);
  }
}

TEST(LearningRate, HasTheClosedFormOfEachSchedule) {
  const int64_t warmup = 10, total = 111;
  for (int64_t step = warmup; step < total; ++step) {
    const double t = static_cast<double>(step - warmup) / 100;
    EXPECT_DOUBLE_EQ(learning_rate(with(Schedule::kConstant, warmup), step, total), kPeak);
    EXPECT_NEAR(learning_rate(with(Schedule::kLinear, warmup), step, total),
                kPeak * (1 - t) + kLow * t, 1e-18);
    EXPECT_NEAR(learning_rate(with(Schedule::kCosine, warmup), step, total),
                kLow + (kPeak - kLow) * (1 + std::cos(std::numbers::pi * t)) / 2, 1e-18);
    // The decay takes steps 91 to 110: a twentieth of the way down each.
    auto wsd = with(Schedule::kWsd, warmup);
    wsd.decay_steps = 20;
    const double down = std::max(0.0, static_cast<double>(step - 90) / 20);
    EXPECT_NEAR(learning_rate(wsd, step, total), kPeak + (kLow - kPeak) * down, 1e-18) << step;
  }
}

TEST(LearningRate, EndsAtTheLowestAndStaysThere) {
  for (const auto schedule : {Schedule::kLinear, Schedule::kCosine, Schedule::kWsd}) {
    for (const int64_t total : {2, 7, 1000}) {
      EXPECT_DOUBLE_EQ(learning_rate(with(schedule), total - 1, total), kLow);
      EXPECT_DOUBLE_EQ(learning_rate(with(schedule), total + 5, total), kLow);
    }
    // A run of one step, and one that warm-up fills, are no division by zero.
    EXPECT_TRUE(std::isfinite(learning_rate(with(schedule), 0, 1)));
    EXPECT_TRUE(std::isfinite(learning_rate(with(schedule, 5), 5, 5)));
  }
}

TEST(LearningRate, DecaysOverATenthUnlessToldOtherwise) {
  auto config = with(Schedule::kWsd, 20);
  EXPECT_EQ(decay_length(config, 1000), 100);
  EXPECT_EQ(decay_length(config, 5), 0);
  EXPECT_EQ(decay_length(config, 25), 2);
  config.decay_steps = 500;
  EXPECT_EQ(decay_length(config, 1000), 500);
  EXPECT_EQ(decay_length(config, 100), 80) << "never before the end of the warm-up";
  EXPECT_EQ(decay_length(with(Schedule::kCosine), 1000), 0);
}

TEST(LearningRate, WarnsOfAWarmUpOrDecayThatDoesNotFit) {
  EXPECT_TRUE(schedule_warnings(with(Schedule::kCosine, 99), 100).empty());
  EXPECT_THAT(schedule_warnings(with(Schedule::kCosine, 100), 100),
              testing::ElementsAre(testing::HasSubstr("warmup_steps 100 is not less than the")));
  auto config = with(Schedule::kWsd, 50);
  config.decay_steps = 60;
  EXPECT_THAT(schedule_warnings(config, 100),
              testing::ElementsAre(testing::HasSubstr("more than the 50 steps after")));
}

TEST(LearningRate, WarnsOfAMinimumThatAConstantScheduleDoesNotReach) {
  auto config = with(Schedule::kConstant);
  EXPECT_THAT(schedule_warnings(config, 100),
              testing::ElementsAre(testing::HasSubstr("min_lr 0.0001 has no effect")));
  config.min_lr = 0;
  EXPECT_TRUE(schedule_warnings(config, 100).empty());
}

TEST(TrainConfig, RefusesValuesOutOfRangeByName) {
  const auto refuses = [](auto change, const std::string& message) {
    TrainConfig config;
    change(config);
    expect_error([&] { validate(config); }, message);
  };
  refuses([](auto& c) { c.token_budget = -1; }, "`train.token_budget`: -1");
  refuses([](auto& c) { c.early_stopping = -1; }, "`train.early_stopping`: -1");
  refuses([](auto& c) { c.decay_steps = -1, c.schedule = Schedule::kWsd; },
          "`train.decay_steps`: -1");
  refuses([](auto& c) { c.decay_steps = 5; }, "applies only to schedule wsd");
  refuses([](auto& c) { c.spike_factor = 1; }, "`train.spike_factor`: 1");
  refuses([](auto& c) { c.early_stopping = 2, c.eval_every = 0; }, "`train.eval_every`: 0");
  refuses([](auto& c) { c.keep_best = true, c.eval_every = 0; }, "`train.eval_every`: 0");
  refuses([](auto& c) { c.lr = 0; }, "`train.lr`: 0");
  refuses([](auto& c) { c.min_lr = 1; }, "`train.min_lr`: 1");
  EXPECT_NO_THROW(validate(TrainConfig{}));
}

}  // namespace
}  // namespace gptkit
