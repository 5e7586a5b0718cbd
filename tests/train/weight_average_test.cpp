#include "train/weight_average.h"

#include "train/checkpoint.h"
#include "train/train_support.h"
#include "train/trainer.h"

namespace gptkit {
namespace {

using test::expect_equal_weights;
using test::metrics_of;
using test::run_toy;
using test::ScratchFolder;
using test::toy_config;
using test::ToyTask;

struct Killed {};

TrainConfig averaging(double decay = 0.8) {
  auto config = toy_config();
  config.ema_decay = decay;
  return config;
}

TEST(WeightAverage, ForgetsTheStartSoonAndThenAsItsDecaySays) {
  ToyTask task;
  AdamW optimizer(*task.gpt, {});
  WeightAverage average(optimizer, 0.5);
  auto weight = optimizer.parameters().front().detach();
  double expected = weight.mean().item<double>();
  for (int step = 1; step <= 12; ++step) {
    weight.fill_(step);
    average.update(step);
    const double decay = std::min(0.5, (1.0 + step) / (10.0 + step));  // 0.5 from step 8 on
    expected = decay * expected + (1 - decay) * step;
  }
  EXPECT_NEAR(average.state().front().second.mean().item<double>(), expected, 1e-5);
  {
    const AverageWeightsScope scope(average);
    EXPECT_NEAR(weight.mean().item<double>(), expected, 1e-5);
  }
  EXPECT_EQ(weight.mean().item<double>(), 12);
}

TEST(WeightAverage, IsWhatIsEvaluatedAndWhatTheRunEndsWith) {
  ScratchFolder plain_run, run;
  ToyTask plain;
  run_toy(plain, plain_run.path(), RunMode::kNew, toy_config());
  ToyTask task;
  torch::Tensor evaluated;
  const auto weight = [&] { return task.gpt->final_norm()->weight.detach().clone(); };
  task.on_evaluate = [&] { evaluated = weight(); };
  run_toy(task, run.path(), RunMode::kNew, averaging());
  EXPECT_TRUE(torch::equal(evaluated, weight()));

  // The steps themselves are those of a run without: so is the last checkpoint's model.
  ToyTask last;
  load_weights(checkpoint_folder(run.path(), 15), *last.gpt);
  expect_equal_weights(*last.gpt, *plain.gpt);
  EXPECT_FALSE(torch::allclose(weight(), plain.gpt->final_norm()->weight, 1e-4, 1e-4));
}

TEST(WeightAverage, AKilledRunEndsWithTheSameAverage) {
  for (const bool keep_best : {false, true}) {
    auto config = averaging();
    config.keep_best = keep_best;
    config.keep_checkpoints = 1;
    config.lr = 3e-2;
    const auto bent = [](double loss) { return std::abs(loss - 2.911); };  // best somewhere inside
    ScratchFolder whole;
    ToyTask reference;
    if (keep_best) reference.change_evaluation = bent;
    const auto summary = run_toy(reference, whole.path(), RunMode::kNew, config);
    ASSERT_TRUE(!keep_best || summary.best.steps_done < 15);
    for (const int64_t at : {3, 8, 13, 20, 29}) {
      ScratchFolder run;
      ToyTask killed;
      if (keep_best) killed.change_evaluation = bent;
      killed.change_loss = [&](torch::Tensor loss) {
        if (killed.losses > at) throw Killed();
        return loss;
      };
      EXPECT_THROW(run_toy(killed, run.path(), RunMode::kNew, config), Killed);
      ToyTask resumed;
      if (keep_best) resumed.change_evaluation = bent;
      run_toy(resumed, run.path(), RunMode::kResume, config);
      expect_equal_weights(*resumed.gpt, *reference.gpt);
      EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path())) << at;
    }
  }
}

}  // namespace
}  // namespace gptkit
