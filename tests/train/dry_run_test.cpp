#include "train/dry_run.h"

#include "train/train_step.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using test::toy_config;
using test::ToyTask;

DryRun dry_toy(ToyTask& task, const TrainConfig& config, double flops = 0) {
  World alone;
  return dry_run(task.training(config), alone, flops);
}

TEST(DryRun, CountsWhatTheTensorsTake) {
  ToyTask task;
  const auto run = dry_toy(task, toy_config(), 1e6);
  int64_t parameters = 0;
  for (const auto& parameter : task.gpt->parameters()) parameters += parameter.numel();
  const auto bytes = 4.0 * static_cast<double>(parameters);
  EXPECT_EQ(run.parameters, parameters);
  EXPECT_EQ(run.trainable, parameters);
  EXPECT_EQ(run.weight_bytes, bytes);
  EXPECT_EQ(run.gradient_bytes, bytes);
  EXPECT_EQ(run.optimizer_bytes, 2 * bytes);
  EXPECT_GT(run.activation_bytes, 0);
  EXPECT_GE(run.peak_bytes, 4 * bytes);
  EXPECT_LE(run.peak_bytes, 1.5 * (4 * bytes + run.activation_bytes));  // and what passes
  EXPECT_GT(run.process_bytes, run.peak_bytes);
  EXPECT_EQ(run.steps, 15);
  EXPECT_EQ(run.tokens, 4 * 6);
  EXPECT_EQ(run.flops, 1e6);
  EXPECT_GT(run.step_seconds, 0);
  EXPECT_EQ(task.losses, 1 + 3 * 2) << "a forward pass, three steps of two micro batches";
}

TEST(DryRun, FrozenWeightsTakeNoGradientsAndNoMoments) {
  ToyTask task;
  for (auto& parameter : task.gpt->parameters()) parameter.requires_grad_(false);
  task.gpt->final_norm()->weight.requires_grad_(true);
  const auto run = dry_toy(task, toy_config());
  EXPECT_EQ(run.trainable, 8);
  EXPECT_EQ(run.gradient_bytes, 4 * 8);
  EXPECT_EQ(run.optimizer_bytes, 2 * 4 * 8);
}

TEST(DryRun, ActivationsGrowWithTheMicroBatchAndNotWithAccumulation) {
  const auto activations = [](int64_t micro, int64_t global) {
    ToyTask task;
    auto config = toy_config();
    config.micro_batch_size = micro;
    config.global_batch_size = global;
    return dry_toy(task, config).activation_bytes;
  };
  EXPECT_EQ(activations(2, 2), activations(2, 8));
  EXPECT_GT(activations(8, 8), 2 * activations(2, 8));
}

TEST(DryRun, StopsWhereTheRunWould) {
  ToyTask task;
  auto config = toy_config();
  config.token_budget = 100;
  EXPECT_EQ(dry_toy(task, config).steps, 5);
  config.lr = 0;
  test::expect_error([&] { dry_toy(task, config); }, "`train.lr`: 0");
}

TEST(DryRun, SaysItInLinesAndAsAnObject) {
  const DryRun run{.parameters = 1'000'000,
                   .trainable = 1'000'000,
                   .steps = 7200,
                   .tokens = 1024,
                   .flops = 6e9,
                   .weight_bytes = 4e6,
                   .gradient_bytes = 4e6,
                   .optimizer_bytes = 8e6,
                   .activation_bytes = 9e6,
                   .peak_bytes = 25e6,
                   .process_bytes = 3e8,
                   .step_seconds = 0.5};
  EXPECT_EQ(to_text(run),
            "parameters   1,000,000\n"
            "memory       25.0 MB at most: weights 4.0 MB, gradients 4.0 MB, optimizer 8.0 MB, "
            "activations "
            "9.0 MB; the whole process 300.0 MB\n"
            "a step       1,024 tokens, 6 GFLOP, 0.5 s: 2,048 tokens/s, 12 GFLOP/s\n"
            "the run      7,200 steps, 7,372,800 tokens, 1 h 0 min, without evaluations\n");
  const auto json = to_json(run);
  EXPECT_EQ(json.at("seconds"), 3600);
  EXPECT_EQ(json.at("peak_bytes"), 25e6);
  EXPECT_EQ(json.at("flops_per_step"), 6e9);
}

}  // namespace
}  // namespace gptkit
