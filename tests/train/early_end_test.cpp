// What ends a run before its time, and with which weights: the guard, early stopping, the best
// checkpoint.

#include <cmath>
#include <fstream>
#include <limits>

#include "train/checkpoint.h"
#include "train/train_support.h"
#include "train/trainer.h"

namespace gptkit {
namespace {

using test::expect_equal_weights;
using test::expect_error;
using test::metrics_of;
using test::run_toy;
using test::ScratchFolder;
using test::toy_config;
using test::ToyTask;

struct Killed {};

std::string newest(const fs::path& run) { return newest_checkpoint(run)->filename().string(); }

std::vector<std::string> checkpoints_of(const fs::path& run) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Makes a weight so large, after step 6, that its products overflow.
void overflow_at_step_7(ToyTask& task, const std::string& name) {
  task.change_evaluation = [&task, name, evaluations = 0](double loss) mutable {
    if (++evaluations != 4) return loss;  // of steps 0, 2, 4 and 6
    auto weight = task.gpt->named_parameters()[name];
    weight.div_(weight.abs().max()).mul_(3e38);
    return loss;
  };
}

TEST(Guard, ALossThatIsNotFiniteStopsWithStepExamplesAndLayer) {
  ScratchFolder run;
  ToyTask task;
  overflow_at_step_7(task, "blocks.1.mlp.up.weight");
  std::string message;
  try {
    run_toy(task, run.path(), RunMode::kNew, toy_config());
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 1);
    message = error.what();
  }
  // Steps 5 to 9 are the second epoch; a micro batch has two examples.
  EXPECT_THAT(message, testing::MatchesRegex(
                           "step 7 .epoch 2, batch 3, examples [0-9]+, [0-9]+.: the loss is -?nan: "
                           "the first number that is not finite comes from aten::.* at "
                           "'blocks.1.mlp.up'; start again with a lower train.lr.*"));
  EXPECT_EQ(metrics_of(run.path()).size(), 7u);
  EXPECT_EQ(newest(run.path()), "step-00000006");
}

TEST(Guard, AnEvaluationThatIsNotFiniteStopsTheRun) {
  ScratchFolder run;
  ToyTask task;
  task.change_evaluation = [evaluations = 0](double loss) mutable {
    return ++evaluations == 3 ? std::numeric_limits<double>::quiet_NaN() : loss;
  };
  expect_error([&] { run_toy(task, run.path(), RunMode::kNew, toy_config()); },
               "step 4: val_loss is nan: the model's results overflow on these data");
  EXPECT_EQ(metrics_of(run.path()).size(), 4u) << "no line with a number that is none";
}

TEST(Guard, NamesAWeightThatIsNotFiniteItself) {
  ScratchFolder run;
  ToyTask task;
  torch::NoGradGuard no_grad;
  task.gpt->named_parameters()["blocks.0.attention.proj.bias"][3] =
      std::numeric_limits<float>::infinity();
  torch::GradMode::set_enabled(true);
  expect_error([&] { run_toy(task, run.path(), RunMode::kNew, toy_config()); },
               "the weight 'blocks.0.attention.proj.bias' is not finite");
}

TEST(Guard, AGradientThatIsNotFiniteStopsWithStepExamplesAndParameter) {
  ScratchFolder run;
  ToyTask task;
  task.change_loss = [&](torch::Tensor loss) {
    if (task.losses <= 2 * 4) return loss;
    // Worth 0, but its slope is 0 times infinity.
    return loss + (task.gpt->final_norm()->weight * 0).sqrt().sum();
  };
  expect_error([&] { run_toy(task, run.path(), RunMode::kNew, toy_config()); },
               "the gradient of 'final_norm.weight' is not finite");
  EXPECT_EQ(metrics_of(run.path()).size(), 4u);
  EXPECT_EQ(newest(run.path()), "step-00000003");
}

/// A run of 60 steps whose loss jumps at one of them.
TrainConfig long_config() {
  auto config = toy_config();
  config.epochs = 12;
  config.global_batch_size = 2;
  config.checkpoint_every = 8;
  config.eval_every = 0;
  return config;
}
void jump_at(ToyTask& task, int64_t step) {
  task.change_loss = [&task, step](torch::Tensor loss) {
    return task.losses == step + 1 ? loss * 50 : loss;
  };
}

TEST(Guard, ALossThatJumpsStopsTheRunBeforeItsUpdate) {
  ScratchFolder run;
  ToyTask task;
  jump_at(task, 30);
  expect_error([&] { run_toy(task, run.path(), RunMode::kNew, long_config()); },
               "step 30 (epoch 3, batch 9, examples ");
  EXPECT_EQ(metrics_of(run.path()).size(), 30u);
  EXPECT_EQ(newest(run.path()), "step-00000024");

  // What is usual is in the checkpoint: six steps after it the guard knows thirty.
  ToyTask resumed;
  jump_at(resumed, 30 - 24);
  expect_error([&] { run_toy(resumed, run.path(), RunMode::kResume, long_config()); },
               "times the usual loss");
  // It is a setting: without it the run goes through.
  auto config = long_config();
  config.spike_factor = 0;
  ToyTask third;
  jump_at(third, 30 - 24);
  EXPECT_EQ(run_toy(third, run.path(), RunMode::kResume, config).steps, 132);
}

TEST(EarlyStopping, EndsAfterSoManyEvaluationsWithoutALowerLoss) {
  auto config = toy_config();
  config.early_stopping = 3;
  ScratchFolder run;
  ToyTask task;
  // What it learns counts as worse, but for the noise of an evaluation.
  task.change_evaluation = [](double loss) { return -std::floor(loss * 2); };
  const auto summary = run_toy(task, run.path(), RunMode::kNew, config);
  EXPECT_TRUE(summary.stopped_early);
  // At steps 0, 2, 4, 6: the first is the best, three more are not lower.
  EXPECT_EQ(summary.steps, 7);
  EXPECT_EQ(summary.best.steps_done, 1);
  EXPECT_EQ(metrics_of(run.path()).size(), 7u);

  ToyTask patient;
  patient.change_evaluation = task.change_evaluation;
  config.early_stopping = 10;
  ScratchFolder longer;
  const auto whole = run_toy(patient, longer.path(), RunMode::kNew, config);
  EXPECT_FALSE(whole.stopped_early);
  EXPECT_EQ(whole.steps, 15);
}

TEST(EarlyStopping, NeedsALossToGoBy) {
  for (const bool keep_best : {false, true}) {
    auto config = toy_config();
    config.early_stopping = keep_best ? 0 : 2;
    config.keep_best = keep_best;
    ScratchFolder run;
    ToyTask task;
    task.validation = nullptr;
    expect_error([&] { run_toy(task, run.path(), RunMode::kNew, config); }, "data.validation");
  }
}

/// Its lowest "val_loss" is somewhere in the middle.
double bent(double loss) { return std::abs(loss - 2.9); }

TEST(BestCheckpoint, IsKeptAndItsWeightsAreWhatTheRunEndsWith) {
  auto config = toy_config();
  config.keep_best = true;
  config.keep_checkpoints = 1;
  config.lr = 3e-2;
  ScratchFolder run;
  ToyTask task;
  task.change_evaluation = bent;
  const auto summary = run_toy(task, run.path(), RunMode::kNew, config);
  ASSERT_GT(summary.best.steps_done, 1);
  ASSERT_LT(summary.best.steps_done, 15);
  char name[32];
  std::snprintf(name, sizeof name, "step-%08d", static_cast<int>(summary.best.steps_done));
  EXPECT_THAT(checkpoints_of(run.path()), testing::ElementsAre(name, "step-00000015"));

  ToyTask best;
  AdamW optimizer(*best.gpt, {});
  load_checkpoint(run / "checkpoints" / name, *best.gpt, optimizer);
  expect_equal_weights(*task.gpt, *best.gpt);
  double lowest = std::numeric_limits<double>::infinity();
  for (const auto& line : metrics_of(run.path())) {
    const auto row = parse_json(line, "row");
    if (row.contains("val_loss")) lowest = std::min(lowest, row.at("val_loss").get<double>());
  }
  EXPECT_EQ(summary.best.val_loss, lowest);
}

TEST(BestCheckpoint, ARunKilledAnywhereEndsWithTheSameBestWeights) {
  auto config = toy_config();
  config.keep_best = true;
  config.keep_checkpoints = 1;
  config.early_stopping = 3;
  config.lr = 3e-2;
  ScratchFolder whole;
  ToyTask reference;
  reference.change_evaluation = bent;
  const auto expected = run_toy(reference, whole.path(), RunMode::kNew, config);
  for (int64_t at = 1; at < 30; at += 2) {
    ScratchFolder run;
    bool killed = true;
    for (auto mode = RunMode::kNew; killed; mode = RunMode::kResume) {
      ToyTask task;
      task.change_evaluation = bent;
      // The first process dies in a step, the second in an evaluation, the third lives.
      const bool first = mode == RunMode::kNew, second = !first && !fs::exists(run / "second");
      if (first) {
        task.change_loss = [&](torch::Tensor loss) {
          if (task.losses > at) throw Killed();
          return loss;
        };
      } else if (second) {
        std::ofstream(run / "second") << "x";
        task.on_evaluate = [evaluations = 0]() mutable {
          if (++evaluations == 2) throw Killed();
        };
      }
      try {
        const auto summary = run_toy(task, run.path(), mode, config);
        killed = false;
        EXPECT_EQ(summary.best, expected.best) << at;
        EXPECT_EQ(summary.steps, expected.steps) << at;
        EXPECT_EQ(summary.stopped_early, expected.stopped_early) << at;
        expect_equal_weights(*task.gpt, *reference.gpt);
      } catch (const Killed&) {
      }
    }
    EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path())) << at;
  }
}

TEST(Samples, AreThereOnceWhateverInterruptedTheEvaluationThatWroteThem) {
  const auto writes = [](ToyTask& task, const fs::path& run) {
    task.on_evaluate = [&task, run] {
      const auto random = torch::randint(1000, {1}).item<int64_t>();
      append_line(run / "samples.txt", concat("drew ", random));
    };
  };
  ScratchFolder whole;
  ToyTask reference;
  writes(reference, whole.path());
  run_toy(reference, whole.path(), RunMode::kNew, toy_config());
  const auto expected = read_file(whole / "samples.txt");
  EXPECT_EQ(std::ranges::count(expected, '\n'), 8);

  for (const int evaluation : {1, 2, 4, 5, 8}) {
    ScratchFolder run;
    {
      ToyTask task;
      writes(task, run.path());
      task.on_evaluate = [write = task.on_evaluate, evaluation, n = 0]() mutable {
        write();
        if (++n == evaluation) throw Killed();  // after its line, before that of the metrics
      };
      EXPECT_THROW(run_toy(task, run.path(), RunMode::kNew, toy_config()), Killed);
    }
    ToyTask resumed;
    writes(resumed, run.path());
    run_toy(resumed, run.path(), RunMode::kResume, toy_config());
    EXPECT_EQ(read_file(run / "samples.txt"), expected) << evaluation;
    EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path())) << evaluation;
  }
}

}  // namespace
}  // namespace gptkit
