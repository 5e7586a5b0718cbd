#include "train/trainer.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <map>
#include <numeric>

#include "base/owned_folder.h"
#include "base/stop.h"
#include "train/checkpoint.h"
#include "train/finished.h"
#include "train/run_files.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using test::expect_equal_weights;
using test::expect_error;
using test::metrics_of;
using test::run_toy;
using test::ScratchFolder;
using test::toy_config;
using test::ToyTask;

struct Killed {};  // stands for kill -9 in the middle of a step: nothing is saved

/// Trains until the given micro batch, or to the end; true when it got there.
bool goes_on_until(const fs::path& run, RunMode mode, int64_t micro_batch,
                   const TrainConfig& config) {
  ToyTask task;
  task.change_loss = [&](torch::Tensor loss) {
    if (task.losses > micro_batch) throw Killed();
    return loss;
  };
  try {
    run_toy(task, run, mode, config);
    return true;
  } catch (const Killed&) {
    return false;
  }
}

TEST(Trainer, TheSameSeedGivesTheSameRunBitForBit) {
  ScratchFolder a, b, c;
  ToyTask first, again, other(2);
  // Constructing a task seeds, so each is made right before its run.
  const auto summary = run_toy(first = ToyTask(), a.path(), RunMode::kNew);
  run_toy(again = ToyTask(), b.path(), RunMode::kNew);
  run_toy(other = ToyTask(2), c.path(), RunMode::kNew);
  expect_equal_weights(*first.gpt, *again.gpt);
  EXPECT_EQ(metrics_of(a.path()), metrics_of(b.path()));
  EXPECT_NE(metrics_of(a.path()), metrics_of(c.path()));
  EXPECT_EQ(summary.steps, 15);
  EXPECT_EQ(summary.tokens, 15 * 4 * 6);
}

TEST(Trainer, WritesALinePerStepWithEvaluationsWhenDue) {
  ScratchFolder run;
  ToyTask task;
  run_toy(task, run.path(), RunMode::kNew);
  const auto lines = metrics_of(run.path());
  ASSERT_EQ(lines.size(), 15u);
  double first = 0, last = 0;
  for (int64_t step = 0; step < 15; ++step) {
    const auto row = parse_json(lines[static_cast<size_t>(step)], "row");
    EXPECT_EQ(row.at("step"), step);
    EXPECT_EQ(row.at("tokens"), (step + 1) * 24);
    EXPECT_DOUBLE_EQ(row.at("epoch").get<double>(), static_cast<double>(step + 1) / 5);
    EXPECT_GT(row.at("grad_norm").get<double>(), 0);
    EXPECT_EQ(row.contains("val_loss"), step % 2 == 0 || step == 14) << step;
    EXPECT_EQ(row.contains("val_seen"), step % 5 == 4) << step;
    if (step == 0) first = row.at("val_loss").get<double>();
    if (step == 14) last = row.at("val_loss").get<double>();
  }
  EXPECT_LT(last, first) << "it learns";
  EXPECT_TRUE(fs::exists(run / "loss.svg"));
}

TEST(Trainer, AKilledRunResumesBitForBitFromAnyStep) {
  ScratchFolder whole;
  ToyTask reference;
  run_toy(reference, whole.path(), RunMode::kNew);
  // Micro batch 2k is the first of step k, 2k + 1 its second: checkpoints lie at 3, 6, 9 ...
  for (const int64_t at : {0, 4, 7, 8, 13, 20, 29}) {
    ScratchFolder run;
    ASSERT_FALSE(goes_on_until(run.path(), RunMode::kNew, at, toy_config()));
    ToyTask resumed;
    const auto summary = run_toy(resumed, run.path(), RunMode::kResume);
    expect_equal_weights(*resumed.gpt, *reference.gpt);
    EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path())) << at;
    EXPECT_EQ(summary.tokens, 15 * 24);
  }
}

TEST(Trainer, ARunKilledAgainAndAgainEndsAsIfItNeverWas) {
  ScratchFolder whole, run;
  ToyTask reference;
  run_toy(reference, whole.path(), RunMode::kNew);
  auto mode = RunMode::kNew;
  // Each process lives for seven micro batches: three whole steps and a half, so one checkpoint.
  int lives = 1;
  while (!goes_on_until(run.path(), mode, 7, toy_config())) {
    mode = RunMode::kResume;
    ASSERT_LT(++lives, 12);
  }
  EXPECT_EQ(lives, 5);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
  ToyTask finished;
  run_toy(finished, run.path(), RunMode::kResume);  // nothing is left to do but the last evaluation
  EXPECT_EQ(finished.losses, 0);
  expect_equal_weights(*finished.gpt, *reference.gpt);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
}

TEST(Trainer, ResumesBitForBitWithEverySchedule) {
  for (const auto schedule :
       {Schedule::kConstant, Schedule::kLinear, Schedule::kCosine, Schedule::kWsd}) {
    auto config = toy_config();
    config.schedule = schedule;
    config.max_grad_norm = 0;
    config.global_batch_size = 0;
    config.epochs = 1;
    ScratchFolder whole, run;
    ToyTask reference;
    run_toy(reference, whole.path(), RunMode::kNew, config);
    ASSERT_FALSE(goes_on_until(run.path(), RunMode::kNew, 8, config));
    ToyTask resumed;
    run_toy(resumed, run.path(), RunMode::kResume, config);
    expect_equal_weights(*resumed.gpt, *reference.gpt);
    EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
  }
}

TEST(Trainer, AnEvaluationThatWasKilledIsDoneAgain) {
  ScratchFolder whole, run;
  ToyTask reference;
  run_toy(reference, whole.path(), RunMode::kNew);
  {
    ToyTask task;
    int evaluations = 0;
    task.on_evaluate = [&] {
      if (++evaluations == 5) throw Killed();  // of step 8, right after the checkpoint of 9 steps
    };
    EXPECT_THROW(run_toy(task, run.path(), RunMode::kNew), Killed);
  }
  EXPECT_EQ(metrics_of(run.path()).size(), 8u);
  ToyTask resumed;
  run_toy(resumed, run.path(), RunMode::kResume);
  expect_equal_weights(*resumed.gpt, *reference.gpt);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
}

TEST(Trainer, ADamagedCheckpointCostsStepsButNotTheResult) {
  ScratchFolder whole, run;
  ToyTask reference;
  run_toy(reference, whole.path(), RunMode::kNew);
  auto config = toy_config();
  ASSERT_FALSE(goes_on_until(run.path(), RunMode::kNew, 2 * 13, config));  // 9 and 12 are there
  const auto file = run / "checkpoints" / "step-00000012" / "optimizer.safetensors";
  auto bytes = read_file(file);
  bytes[bytes.size() - 3] ^= 4;
  write_file_atomic(file, bytes);
  ToyTask resumed;
  run_toy(resumed, run.path(), RunMode::kResume, config);
  EXPECT_EQ(resumed.losses, 2 * (15 - 9));
  expect_equal_weights(*resumed.gpt, *reference.gpt);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000015"));
}

TEST(Trainer, RefusesToResumeOnOtherData) {
  ScratchFolder run;
  ASSERT_FALSE(goes_on_until(run.path(), RunMode::kNew, 8, toy_config()));
  const auto before = metrics_of(run.path());
  ToyTask task;
  task.fingerprint = "other";
  expect_error([&] { run_toy(task, run.path(), RunMode::kResume); },
               "the training data are not those the run was started with");
  EXPECT_EQ(metrics_of(run.path()), before);
}

/// Toy windows whose targets count unevenly: row i has i % 7 of its six masked (all of them at 6).
class Masked : public Dataset {
 public:
  int64_t size() const override { return all_->size(); }
  Batch collate(std::span<const int64_t> indices) const override {
    auto batch = all_->collate(indices);
    for (size_t row = 0; row < indices.size(); ++row) {
      const auto begin = batch.targets.begin() + static_cast<int64_t>(row) * batch.columns;
      std::fill(begin, begin + indices[row] % 7, kNoLoss);
    }
    return batch;
  }

 private:
  std::shared_ptr<const Dataset> all_ = test::toy_data();
};

TEST(Trainer, MicroBatchesGiveTheGradientOfTheWholeBatch) {
  std::vector<torch::Tensor> want;
  double want_loss = 0;
  for (const int64_t micro : {22, 11, 2, 1}) {
    ScratchFolder run;
    ToyTask task(1, /*dropout=*/0);
    task.data = std::make_shared<Masked>();
    run_toy(task, run.path(), RunMode::kNew,
            {.micro_batch_size = micro, .global_batch_size = 22, .max_grad_norm = 0});
    const auto loss = parse_json(metrics_of(run.path()).at(0), "row").at("loss").get<double>();
    const auto parameters = task.gpt->parameters();
    if (micro == 22) want_loss = loss;
    EXPECT_NEAR(loss, want_loss, 1e-6 * want_loss);
    for (size_t i = 0; i < parameters.size(); ++i) {
      const auto gradient = parameters[i].grad();
      if (micro == 22) want.push_back(gradient.clone());
      // Float32 sums in another order, relative to the parameter's largest gradient.
      const double error = (gradient - want[i]).abs().max().item<double>();
      EXPECT_LE(error, 1e-6 * want[i].abs().max().item<double>() + 1e-8)
          << micro << " parameter " << i;
    }
  }
}

TEST(Trainer, TheSmallestModelTrains) {
  ScratchFolder run;
  ToyTask task;
  task.gpt = GPT(
      ModelConfig{.vocab_size = 2, .context_length = 1, .n_layer = 1, .n_head = 1, .d_model = 1});
  initialize_(task.gpt);
  task.data = std::make_shared<WindowDataset>(TokenStream(std::vector<TokenId>{0, 1, 0, 1, 1, 0}),
                                              WindowOptions{1, 1}, "two letters");
  task.validation = task.data;
  EXPECT_EQ(run_toy(task, run.path(), RunMode::kNew, {.micro_batch_size = 1}).steps, 5);
}

TEST(Trainer, MaxStepsEndsEarlyWithAnEvaluation) {
  ScratchFolder run;
  ToyTask task;
  auto config = toy_config();
  config.max_steps = 4;
  config.eval_every = 0;
  const auto summary = run_toy(task, run.path(), RunMode::kNew, config);
  EXPECT_EQ(summary.steps, 4);
  ASSERT_EQ(summary.last_evaluation.size(), 2u);
  EXPECT_EQ(summary.last_evaluation[0].first, "train_loss");
  EXPECT_EQ(summary.last_evaluation[1].first, "val_loss");
  const auto lines = metrics_of(run.path());
  EXPECT_THAT(lines.at(2), testing::Not(testing::HasSubstr("val_loss")));
  EXPECT_THAT(lines.at(3), testing::HasSubstr("val_loss"));
}

TEST(Trainer, ATokenBudgetEndsTheRunAndShapesTheSchedule) {
  // 24 tokens a step: 8 steps, of which the last is the first at or over 170.
  auto config = toy_config();
  config.token_budget = 170;
  ScratchFolder run, same;
  ToyTask task;
  EXPECT_EQ(run_toy(task, run.path(), RunMode::kNew, config).steps, 8);
  auto eight_steps = toy_config();
  eight_steps.max_steps = 8;
  ToyTask reference;
  run_toy(reference, same.path(), RunMode::kNew, eight_steps);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(same.path()));

  // The smaller of the two counts.
  config.max_steps = 5;
  ScratchFolder shorter;
  ToyTask again;
  EXPECT_EQ(run_toy(again, shorter.path(), RunMode::kNew, config).steps, 5);

  config.max_steps = 0;
  config.token_budget = 1'000'000;
  testing::internal::CaptureStderr();
  ScratchFolder longer;
  ToyTask third;
  EXPECT_EQ(run_toy(third, longer.path(), RunMode::kNew, config).steps, 15);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("will not be reached"));
}

TEST(Trainer, RefusesABatchLargerThanTheData) {
  ScratchFolder run;
  ToyTask task;
  auto config = toy_config();
  config.global_batch_size = 24;
  expect_error([&] { run_toy(task, run.path(), RunMode::kNew, config); }, "22 examples");
}

/// What a run folder holds, but for its lock.
std::map<std::string, std::string> contents(const fs::path& run) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    const auto name = fs::relative(entry.path(), run).string();
    if (entry.is_regular_file() && name != ".lock") files[name] = read_file(entry.path());
  }
  return files;
}

TEST(Trainer, ARunIsReplacedOnlyOnceTheFirstStepOfTheNewOneHasWorked) {
  ScratchFolder run;
  ToyTask task;
  auto config = toy_config();
  config.max_steps = 4;
  run_toy(task = ToyTask(), run.path(), RunMode::kNew, config);
  const auto before = contents(run.path());
  const auto refused = [&](
                           const TrainConfig& wrong, const std::string& part,
                           const std::function<void(ToyTask&)>& change = [](ToyTask&) {}) {
    SCOPED_TRACE(part);
    ToyTask other;
    change(other);
    expect_error([&] { run_toy(other, run.path(), RunMode::kOverwrite, wrong); }, part);
    EXPECT_EQ(contents(run.path()), before);
  };
  auto wrong = config;
  wrong.global_batch_size = 24;
  refused(wrong, "22 examples");
  wrong = config;
  wrong.lr = -1;
  refused(wrong, "train.lr");
  refused(config, "out of memory", [](ToyTask& other) {
    other.change_loss = [](const torch::Tensor&) -> torch::Tensor { fail("out of memory"); };
  });
  refused(config, "no room to evaluate",
          [](ToyTask& other) { other.on_evaluate = [] { fail("no room to evaluate"); }; });
  ToyTask other;
  config.max_steps = 2;
  run_toy(other = ToyTask(), run.path(), RunMode::kOverwrite, config);
  EXPECT_EQ(metrics_of(run.path()).size(), 2u);
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000002"));
  EXPECT_THAT(foreign_entries(run.path(), run_folder_files()), testing::IsEmpty());
}

TEST(Trainer, EveryRunEndsWithACheckpointFromWhichItCanGoOn) {
  ScratchFolder run, whole;
  ToyTask task;
  auto config = toy_config();
  config.checkpoint_every = 0;
  config.schedule = Schedule::kConstant;
  run_toy(task = ToyTask(), whole.path(), RunMode::kNew, config);
  config.max_steps = 4;
  run_toy(task = ToyTask(), run.path(), RunMode::kNew, config);
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000004"));
  config.max_steps = 0;
  ToyTask longer;
  run_toy(longer, run.path(), RunMode::kResume, config);
  EXPECT_EQ(longer.losses, 2 * 11);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
}

TEST(Trainer, AFinishedRunIsNeitherTrainedNorEvaluatedAgain) {
  ScratchFolder run;
  ToyTask task;
  World alone;
  const auto save = [](const fs::path& folder) { write_file_atomic(folder / "config.json", "{}"); };
  {
    const RunFolder folder(run.path(), RunMode::kNew);
    folder.write_config("a: 1\n");
    const auto summary = train(task.training(toy_config()), {.world = alone, .folder = folder});
    EXPECT_FALSE(summary.was_finished);
    leave_model(folder, summary, task.fingerprint, save);
  }
  const auto before = contents(run.path());
  ToyTask again;
  again.on_evaluate = [] { ADD_FAILURE() << "evaluated again"; };
  const RunFolder folder(run.path(), RunMode::kResume);
  folder.write_config("a: 1\n");
  const RunContext context{.world = alone, .folder = folder};
  const auto summary = train(again.training(toy_config()), context);
  EXPECT_TRUE(summary.was_finished);
  EXPECT_EQ(again.losses, 0);
  expect_equal_weights(*again.gpt, *task.gpt);
  const auto known = nothing_left_to_train(context, task.fingerprint);
  ASSERT_TRUE(known);
  for (const auto& found : {summary, *known}) {
    EXPECT_EQ(found.steps, 15);
    EXPECT_EQ(found.tokens, 15 * 24);
    ASSERT_EQ(found.last_evaluation.size(), 2u);
    EXPECT_EQ(found.last_evaluation[1].first, "val_loss");
  }
  EXPECT_EQ(contents(run.path()).at("metrics.jsonl"), before.at("metrics.jsonl"));
  expect_error([&] { nothing_left_to_train(context, "other"); }, "are not those the run");
}

TEST(Trainer, AFinishedRunThatIsTrainedOnIsNoLongerFinished) {
  ScratchFolder run;
  auto config = toy_config();
  config.max_steps = 4;
  {
    ToyTask task;
    const RunFolder folder(run.path(), RunMode::kNew);
    folder.write_config("a: 1\n");
    World alone;
    const auto summary = train(task.training(config), {.world = alone, .folder = folder});
    leave_model(folder, summary, task.fingerprint,
                [](const fs::path& model) { write_file_atomic(model / "config.json", "{}"); });
  }
  EXPECT_TRUE(fs::exists(run / "finished.json"));
  ASSERT_FALSE(goes_on_until(run.path(), RunMode::kResume, 2 * 3, toy_config()));
  EXPECT_FALSE(fs::exists(run / "finished.json"));
  EXPECT_TRUE(fs::exists(run / "model" / "config.json"));
}

TEST(Trainer, KeepingTheBestNeedsValidationFromTheStart) {
  ScratchFolder run;
  auto config = toy_config();
  config.keep_best = true;
  ToyTask task;
  task.validation = nullptr;
  expect_error([&] { run_toy(task, run.path(), RunMode::kNew, config); }, "needs validation data");
  EXPECT_EQ(task.losses, 0);
}

TEST(Trainer, APlotThatCannotBeWrittenOrACheckpointThatStaysDoesNotEndTheRun) {
  ScratchFolder run;
  fs::create_directories(run / "checkpoints" / "step-00000001" / "notes");
  fs::create_directories(run / "loss.svg" / "in the way");
  testing::internal::CaptureStderr();
  ToyTask task;
  EXPECT_EQ(run_toy(task, run.path(), RunMode::kResume).steps, 15);
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, testing::HasSubstr("it is a folder; training continues"));
}

/// Trains in a child process that a signal meets; gives its exit code. The note that a signal came
/// is the process's, and stays.
int exit_code_of_stopped(const fs::path& run, RunMode mode,
                         const std::function<void(ToyTask&)>& signals) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 0;
    std::signal(SIGHUP, SIG_DFL);  // also where the tests run under nohup
    try {
      ToyTask task;
      signals(task);
      run_toy(task, run, mode);
    } catch (const Stopped& stopped) {
      code = std::string(stopped.what()).find("continue with: `out`") != std::string::npos
                 ? stopped.exit_code()
                 : 99;
    } catch (...) {
      code = 98;
    }
    _exit(code);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Trainer, ASignalFinishesTheStepSavesAndTheRunGoesOnBitForBit) {
  ScratchFolder run;
  const auto in_loss = [](ToyTask& task) {
    task.change_loss = [&task](torch::Tensor loss) {
      if (task.losses == 2 * 4 + 1) raise(SIGINT);  // the first micro batch of step 4
      return loss;
    };
  };
  EXPECT_EQ(exit_code_of_stopped(run.path(), RunMode::kNew, in_loss), 130);
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000005"));
  EXPECT_EQ(metrics_of(run.path()).size(), 4u);

  const auto in_evaluation = [](ToyTask& task) {
    task.on_evaluate = [evaluations = 0]() mutable {
      if (++evaluations == 3) raise(SIGTERM);  // steps 4, 6 and 8
    };
  };
  EXPECT_EQ(exit_code_of_stopped(run.path(), RunMode::kResume, in_evaluation), 143);
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000009"));

  ScratchFolder whole;
  ToyTask reference;
  run_toy(reference, whole.path(), RunMode::kNew);
  ToyTask resumed;
  run_toy(resumed, run.path(), RunMode::kResume);
  expect_equal_weights(*resumed.gpt, *reference.gpt);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
}

TEST(Trainer, AHangUpEndsARunWithACheckpoint) {
  ScratchFolder run;
  const auto hang_up = [](ToyTask& task) {
    task.change_loss = [&task](torch::Tensor loss) {
      if (task.losses == 2 * 4 + 1) raise(SIGHUP);
      return loss;
    };
  };
  EXPECT_EQ(exit_code_of_stopped(run.path(), RunMode::kNew, hang_up), 129);
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000005"));
  // Under nohup it is ignored.
  ScratchFolder ignoring;
  const auto ignored = [&](ToyTask& task) {
    std::signal(SIGHUP, SIG_IGN);
    hang_up(task);
  };
  EXPECT_EQ(exit_code_of_stopped(ignoring.path(), RunMode::kNew, ignored), 0);
}

TEST(Trainer, ASignalEndsAnEvaluationBetweenItsBatches) {
  ScratchFolder run, whole;
  const auto in_evaluation = [](ToyTask& task) {
    task.on_evaluate = [evaluations = 0]() mutable {
      if (++evaluations == 3) raise(SIGINT);  // before the first batch, of step 4
    };
    task.change_evaluation = [evaluations = 0](double loss) mutable {
      if (++evaluations == 3) _exit(97);
      return loss;
    };
  };
  EXPECT_EQ(exit_code_of_stopped(run.path(), RunMode::kNew, in_evaluation), 130);
  ToyTask reference, resumed;
  run_toy(reference = ToyTask(), whole.path(), RunMode::kNew);
  run_toy(resumed = ToyTask(), run.path(), RunMode::kResume);
  expect_equal_weights(*resumed.gpt, *reference.gpt);
  EXPECT_EQ(metrics_of(run.path()), metrics_of(whole.path()));
}

TEST(Trainer, ASecondSignalEndsTheProcessAtOnceLeavingTheLastCheckpoint) {
  ScratchFolder run;
  const auto twice = [](ToyTask& task) {
    task.change_loss = [&task](torch::Tensor loss) {
      if (task.losses == 2 * 4 + 1) raise(SIGINT), raise(SIGINT);
      return loss;
    };
  };
  EXPECT_EQ(exit_code_of_stopped(run.path(), RunMode::kNew, twice), 130);
  EXPECT_TRUE(newest_checkpoint(run.path())->string().ends_with("step-00000003"));
}

}  // namespace
}  // namespace gptkit
