// The observers of a run, each on its own or in a run of the toy.

#include <torch/nn/modules/linear.h>

#include <csignal>

#include "base/stop.h"
#include "train/observers/checkpoints.h"
#include "train/observers/loss_plot.h"
#include "train/observers/metrics_file.h"
#include "train/observers/sample_file.h"
#include "train/observers/tensorboard.h"
#include "train/train_step.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::run_toy;
using test::ScratchFolder;
using test::toy_config;
using test::ToyTask;

/// After `steps_done` steps of a run of ten, five an epoch.
RunProgress progress(int64_t steps_done) {
  RunProgress run;
  run.state.steps_done = steps_done;
  run.state.tokens = 24 * steps_done;
  run.state.last_step = {{"loss", 3.0 / static_cast<double>(steps_done)}};
  run.length = {.most_steps = 10, .steps = 10};
  run.steps_per_epoch = 5;
  run.begun = std::chrono::steady_clock::now();
  return run;
}

TEST(RunProgress, EndsWithItsStepsItsTokensOrWhenItIsStopped) {
  EXPECT_FALSE(progress(9).finished());
  EXPECT_TRUE(progress(10).finished());
  auto run = progress(4);
  run.token_budget = 24 * 4 + 1;
  EXPECT_FALSE(run.finished());
  run.token_budget = 24 * 4;
  EXPECT_TRUE(run.finished());
  run = progress(4);
  run.stopped_early = true;
  EXPECT_TRUE(run.finished());
  EXPECT_TRUE(progress(5).ends_epoch());
  EXPECT_FALSE(progress(6).ends_epoch());
}

TEST(MetricsFile, HasARowAStepWithWhatItMeasuredAndWhatWasEvaluated) {
  ScratchFolder folder;
  MetricsFile metrics(folder.path());
  EXPECT_TRUE(metrics.rows().empty());
  metrics.begin({});
  metrics.stepped(progress(1));
  auto run = progress(2);
  run.evaluated = {{"val_loss", 1.25}};
  metrics.stepped(run);
  ASSERT_EQ(metrics.rows().size(), 2u);
  auto row = metrics.rows().back();
  EXPECT_GE(row.at("seconds").get<double>(), 0);
  row.erase("seconds");
  EXPECT_EQ(dump_json(row),
            "{\"step\":1,\"epoch\":0.4,\"tokens\":48,\"loss\":1.5,\"val_loss\":1.25}");
  // A run that is resumed goes on behind the step whose evaluation is done again.
  MetricsFile again(folder.path());
  again.begin({.next_step = 1});
  EXPECT_EQ(again.rows().size(), 1u);
}

TEST(TensorBoard, CopiesTheRowsOfTheMetrics) {
  ScratchFolder folder;
  MetricsFile metrics(folder.path());
  TensorBoard board(folder.path(), metrics);
  metrics.begin({});
  board.begin({});
  const auto events = [&] {
    for (const auto& entry : fs::directory_iterator(folder.path())) {
      if (entry.path().extension() == ".gptkit") return read_file(entry.path());
    }
    return std::string();
  };
  const auto before = events().size();
  EXPECT_GT(before, 0u);
  metrics.stepped(progress(1));
  board.stepped(progress(1));
  EXPECT_GT(events().size(), before);
  EXPECT_THAT(events(), testing::HasSubstr("loss"));
}

TEST(LossPlot, IsDrawnAfterAnEvaluationAndAtTheEnd) {
  ScratchFolder folder;
  MetricsFile metrics(folder.path());
  LossPlot plot(folder.path(), "A title", metrics);
  plot.ended(progress(1));
  EXPECT_FALSE(fs::exists(folder / "loss.svg")) << "there is nothing to draw";
  metrics.begin({});
  for (int64_t step = 1; step <= 3; ++step) {
    auto run = progress(step);
    if (step == 3) run.evaluated = {{"val_loss", 2.0}};
    metrics.stepped(run);
    plot.stepped(run);
    EXPECT_EQ(fs::exists(folder / "loss.svg"), step == 3) << step;
  }
  EXPECT_THAT(read_file(folder / "loss.svg"), testing::HasSubstr("A title"));
}

class SampleFileTest : public testing::Test {
 protected:
  std::string written(bool every_evaluation) {
    samples_.every_evaluation = every_evaluation;
    ScratchFolder scratch;
    const RunFolder folder(scratch.path(), RunMode::kNew);
    SampleFile file(samples_, folder, /*ranks=*/1);
    for (int64_t step = 1; step <= 10; ++step) {
      const bool loss = step % 4 == 0;
      if (loss || step % 5 == 0) file.evaluating(progress(step), loss);
    }
    return fs::exists(scratch / "samples.txt") ? read_file(scratch / "samples.txt") : "";
  }
  Samples samples_{.write = [] { return std::string("a text"); }};
};

TEST_F(SampleFileTest, GetsALineAfterEachEpochOrAtEachEvaluation) {
  EXPECT_EQ(written(false), "epoch 1: a text\nepoch 2: a text\n");
  EXPECT_EQ(written(true), "evaluation: a text\nevaluation: a text\n");
  samples_.write = {};
  EXPECT_EQ(written(false), "");
}

TEST_F(SampleFileTest, IsLeftOutWhenASignalStopsItAmongSeveralRanks) {
  samples_.write = []() -> std::string { throw Stopped(SIGINT, "stopped"); };
  ScratchFolder scratch;
  const RunFolder folder(scratch.path(), RunMode::kNew);
  EXPECT_THROW(SampleFile(samples_, folder, /*ranks=*/1).evaluating(progress(5), false), Stopped);
  SampleFile(samples_, folder, /*ranks=*/2).evaluating(progress(5), false);  // they stop together
  EXPECT_FALSE(fs::exists(scratch / "samples.txt"));
}

TEST(Samples, OfARunAreThereOnceThoughItWasResumed) {
  ScratchFolder whole, run;
  const auto draws = [](ToyTask& task) {
    task.samples = {[] { return concat(torch::randint(1000, {1}).item<int64_t>()); }, true};
  };
  ToyTask reference;
  draws(reference);
  run_toy(reference, whole.path(), RunMode::kNew);
  const auto expected = read_file(whole / "samples.txt");
  EXPECT_EQ(std::ranges::count(expected, '\n'), 8);
  {
    ToyTask task;
    draws(task);
    task.change_loss = [&](torch::Tensor loss) {
      require(task.losses <= 2 * 8, "killed");
      return loss;
    };
    expect_error([&] { run_toy(task, run.path(), RunMode::kNew); }, "killed");
  }
  ToyTask resumed;
  draws(resumed);
  run_toy(resumed, run.path(), RunMode::kResume);
  EXPECT_EQ(read_file(run / "samples.txt"), expected);
  EXPECT_EQ(test::metrics_of(run.path()), test::metrics_of(whole.path()));
}

TEST(Checkpoints, AreSavedOnceAStep) {
  ScratchFolder scratch;
  const RunFolder folder(scratch.path(), RunMode::kNew);
  World alone;
  const RunContext context{.world = alone, .folder = folder};
  ToyTask task;
  auto config = toy_config();
  config.checkpoint_every = 2;
  const auto training = task.training(config);
  const AdamW optimizer(*task.gpt, {});
  const TrainObservers none;
  Checkpoints checkpoints(training, context, optimizer, nullptr, none);
  const auto there = [&](int64_t steps) {
    return fs::exists(checkpoint_folder(scratch.path(), steps));
  };
  for (int64_t step = 1; step <= 3; ++step) {
    auto run = progress(step);
    run.state.generator = generator_state();
    checkpoints.updated(run);
    EXPECT_EQ(there(step), step == 2);
    checkpoints.save(run);
    EXPECT_TRUE(there(step));
  }
  fs::remove_all(checkpoint_folder(scratch.path(), 3));
  checkpoints.save(progress(3));
  EXPECT_FALSE(there(3)) << "it was saved before";
}

TEST(ActivationCheckpointing, IsRefusedForAModelWithoutBlocks) {
  class Line : public ToyTask {
   public:
    torch::nn::Module& model() override { return *line_; }

   private:
    std::shared_ptr<torch::nn::LinearImpl> line_ = std::make_shared<torch::nn::LinearImpl>(2, 2);
  };
  Line line;
  auto config = toy_config();
  config.activation_checkpointing = true;
  World alone;
  expect_error([&] { TrainStep(line, config, alone); }, "train.activation_checkpointing");
}

}  // namespace
}  // namespace gptkit
