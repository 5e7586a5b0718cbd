#include "tensors/precision.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/fast_precision.h"
#include "support/support.h"
#include "train/loss_scale.h"
#include "train/train_step.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using test::ToyTask;

bool autocast_is_on() { return at::autocast::is_autocast_enabled(torch::kCPU); }

TEST(Precision, AutoIsBfloat16WhereTheProcessorHasIt) {
  EXPECT_EQ(resolve_precision(Precision::kAuto, torch::kCPU),
            has_bfloat16_matmul() ? Precision::kBFloat16 : Precision::kFloat32);
  EXPECT_EQ(resolve_precision(Precision::kAuto, torch::kCUDA), Precision::kBFloat16);
  EXPECT_EQ(resolve_precision(Precision::kFloat32, torch::kCUDA), Precision::kFloat32);
}

TEST(Precision, TheScopeTurnsAutocastOnAndBack) {
  const auto x = torch::randn({2, 2});
  EXPECT_FALSE(autocast_is_on());
  {
    const PrecisionScope half(Precision::kBFloat16, torch::kCPU);
    EXPECT_EQ(x.matmul(x).scalar_type(), torch::kBFloat16);
    {
      const PrecisionScope single(Precision::kFloat32, torch::kCPU);
      EXPECT_EQ(x.matmul(x).scalar_type(), torch::kFloat32);
    }
    EXPECT_EQ(x.matmul(x).scalar_type(), torch::kBFloat16);
  }
  EXPECT_FALSE(autocast_is_on());
}

TEST(LossScale, HalvesAtAnOverflowAndDoublesAfterManyStepsWithout) {
  LossScale scale;
  EXPECT_FALSE(scale.update(false));
  EXPECT_EQ(scale, (LossScale{32768, 0, 1}));
  for (int step = 0; step < 1999; ++step) EXPECT_TRUE(scale.update(true));
  EXPECT_EQ(scale.scale, 32768);
  EXPECT_TRUE(scale.update(true));
  EXPECT_EQ(scale, (LossScale{65536, 0, 1}));
}

/// Its loss is scaled in float16's way, but its own arithmetic stays float32.
class Float32Toy : public ToyTask {
 public:
  Float32Toy() : ToyTask(1, /*dropout=*/0) {}
  torch::Tensor loss(const Batch& batch) override {
    const PrecisionScope float32(Precision::kFloat32, torch::kCPU);
    return ToyTask::loss(batch);
  }
};

Metrics float16_step(ToyTask& task, TrainStep& step) {
  const std::vector<int64_t> rows = {0, 1, 2, 3};
  return step.run(task.data->collate(rows), {}, 1e-3, {});
}

TEST(LossScale, TheScaledStepIsThePlainOne) {
  const TrainConfig plain{.micro_batch_size = 2, .global_batch_size = 4, .max_grad_norm = 0.1};
  auto scaled = plain;
  scaled.precision = Precision::kFloat16;
  Float32Toy a, b;
  World alone;
  TrainStep first(a, plain, alone), second(b, scaled, alone);
  const auto want = float16_step(a, first), got = float16_step(b, second);
  EXPECT_NEAR(got.at(2).second, want.at(2).second, 1e-6);  // grad_norm
  const auto x = a.gpt->parameters(), y = b.gpt->parameters();
  for (size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(x[i].allclose(y[i], 1e-5, 1e-7)) << i;
}

TEST(LossScale, AStepThatOverflowsChangesNothing) {
  TrainConfig config{.micro_batch_size = 4};
  config.precision = Precision::kFloat16;
  Float32Toy task;
  task.change_loss = [&](torch::Tensor loss) {
    return loss + (task.gpt->final_norm()->weight * 0).sqrt().sum();  // 0, with an infinite slope
  };
  World alone;
  TrainStep step(task, config, alone);
  const auto before = task.gpt->final_norm()->weight.clone();
  EXPECT_TRUE(std::isnan(float16_step(task, step).at(2).second));
  EXPECT_TRUE(task.gpt->final_norm()->weight.equal(before));
  EXPECT_EQ(step.loss_scale(), (LossScale{32768, 0, 1}));
  // When no scale helps it is an error as in float32.
  test::expect_error(
      [&] {
        for (int i = 0; i < 20; ++i) float16_step(task, step);
      },
      "final_norm");
}

TEST(TrainStep, ComputesInThePrecisionOfTheTraining) {
  World alone;
  for (const auto precision : {Precision::kFloat32, Precision::kBFloat16}) {
    ToyTask task(1, 0);
    bool on = false;
    task.change_loss = [&](torch::Tensor loss) {
      on = autocast_is_on();
      return loss;
    };
    const TrainConfig config{.micro_batch_size = 4, .precision = precision};
    TrainStep(task, config, alone)
        .run(task.data->collate(std::vector<int64_t>{0, 1, 2, 3}), {}, 1e-3, {});
    EXPECT_EQ(on, precision == Precision::kBFloat16);
    EXPECT_FALSE(autocast_is_on());
  }
}

}  // namespace
}  // namespace gptkit
