#include "train/trainer.h"

#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "data/fingerprint.h"
#include "tensors/tensor_source.h"
#include "train/agreement.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/finished.h"
#include "train/lr_schedule.h"
#include "train/observers/checkpoints.h"
#include "train/observers/console.h"
#include "train/observers/loss_plot.h"
#include "train/observers/metrics_file.h"
#include "train/observers/sample_file.h"
#include "train/observers/stopping.h"
#include "train/observers/tensorboard.h"
#include "train/sharded_optimizer.h"
#include "train/train_step.h"
#include "train/weight_average.h"

namespace gptkit {

namespace {

void require_finite(int64_t step, const std::string& name, double value) {
  if (std::isfinite(value)) return;
  fail_runtime("step ", step, ": ", name, " is ", value,
               ": the model's results overflow on these data; start again with a lower train.lr or "
               "with train.precision=float32 (the checkpoints in the run folder are from before)");
}

class Trainer {
 public:
  Trainer(const Training& training, const RunContext& context)
      : training_(training),
        config_(training.config),
        context_(context),
        world_(context.world),
        step_(training.objective, config_, world_),
        loader_(training.data.train, {.batch_size = config_.batch_size(),
                                      .shuffle = true,
                                      .drop_last = true,
                                      .group_by_length = config_.group_by_length}) {
    run_.length = run_length(config_, loader_);
    run_.steps_per_epoch = loader_.batches();
    run_.token_budget = config_.token_budget;
    run_.state.fingerprint = training.data.fingerprint;
    if (config_.ema_decay > 0) average_.emplace(step_.optimizer(), config_.ema_decay);
  }

  TrainSummary run() {
    watch_stop_signals();
    require_same_run(world_, training_);
    const bool resumed = restore();
    announce();
    run_.begun = std::chrono::steady_clock::now();
    observe();
    const RunStart start = {.next_step = resumed ? run_.step() : 0,
                            .sample_bytes = resumed ? run_.state.sample_bytes : 0,
                            .seconds = run_.state.seconds};
    context_.folder.when_begun([this, start] {
      for (const auto& observer : observers_) observer->begin(start);
    });
    const bool was_finished = resumed && has_ended();
    // Files of another run are replaced only after one step has succeeded.
    if (!was_finished && !context_.folder.replaces_a_run()) context_.folder.begin();
    // A checkpoint is taken before its step's evaluation, so that evaluation is done here.
    if (resumed && !was_finished) finish_step();
    bool trains_on = resumed;
    while (!run_.finished()) {
      auto batch = loader_.next();
      if (!batch) {
        start_epoch_like_pytorch(loader_, /*shuffle=*/true);
        continue;
      }
      update(*batch);
      if (std::exchange(trains_on, false)) forget_finished(context_.folder);
      for (const auto& observer : observers_) observer->updated(run_);
      finish_step();
    }
    for (const auto& observer : observers_) observer->ended(run_);
    if (average_) average_->swap_();
    const auto& state = run_.state;
    return {state.steps_done, state.tokens,       run_.seconds(), run_.last_evaluation,
            state.best,       run_.stopped_early, was_finished};
  }

 private:
  /// The observers: on rank 0 those that write files, on all ranks those that decide together.
  void observe() {
    const auto& path = context_.folder.path();
    const auto* average = average_ ? &*average_ : nullptr;
    if (world_.is_main()) {
      const auto& metrics = add<MetricsFile>(path);
      console_ = &add<Console>(run_);
      if (config_.tensorboard) add<TensorBoard>(path, metrics);
      add<LossPlot>(path, training_.plot_title, metrics);
      add<SampleFile>(training_.samples, context_.folder, world_.size());
    }
    checkpoints_ = &add<Checkpoints>(training_, context_, step_.optimizer(), average, observers_);
    checkpoints_->resumed_at(run_.state.steps_done);
    add<Stopping>(training_, context_, *checkpoints_, average);
  }
  template <class Observer, class... Arguments>
  Observer& add(Arguments&&... arguments) {
    auto made = std::make_unique<Observer>(std::forward<Arguments>(arguments)...);
    auto& observer = *made;
    observers_.push_back(std::move(made));
    return observer;
  }

  void announce() {
    for (const auto& warning : schedule_warnings(config_, run_.length.steps)) log_warning(warning);
    if (!run_.length.budget_reached) {
      log_warning("train.token_budget ", config_.token_budget,
                  " will not be reached: train.epochs or train.max_steps end the run after ",
                  run_.length.steps, " steps");
    }
    log_info("training: ", run_.length.steps, " steps (", run_.steps_per_epoch, " per epoch), ",
             step_.optimizer().parameters().size(), " tensors to learn");
  }

  /// Rank 0 loads the newest checkpoint and all ranks continue from it; false if there is none. The
  /// evaluation of its last step is still to be done.
  bool restore() {
    const auto moments = room_for_moments(world_, step_.optimizer());
    const bool resumed = world_.is_main() && load_newest(moments);
    if (!share_start(moments, resumed)) return false;
    auto& state = run_.state;
    step_.optimizer().set_steps(state.steps_done - state.loss_scale.skipped);
    step_.loss_scale() = state.loss_scale;
    loader_.restore(state.loader);
    set_generator_state(state.generator);
    return true;
  }

  /// False if there is no checkpoint.
  bool load_newest(NamedTensors moments) {
    for (auto& item : averages()) moments.push_back(item);
    const auto& folder = context_.folder;
    if (!folder.resuming()) return false;
    const auto checkpoint = newest_checkpoint(folder.path());
    if (!checkpoint) {
      log_warning(folder.path().string(), ": no whole checkpoint; starting from the first step");
      return false;
    }
    auto& state = run_.state;
    auto loaded = load_checkpoint(*checkpoint, training_.objective.model(), moments);
    require_same_data(loaded.fingerprint, state.fingerprint, checkpoint->string());
    loaded.fingerprint = state.fingerprint;
    state = std::move(loaded);
    log_info("resuming from ", checkpoint->string());
    return true;
  }

  /// Every rank gets rank 0's weights and, when resumed, the rest of its state. Returns resumed.
  bool share_start(const NamedTensors& moments, bool resumed) {
    torch::NoGradGuard no_grad;
    for (auto [name, tensor] : tensors_of(training_.objective.model())) world_.broadcast_(tensor);
    for (auto [name, tensor] : averages()) world_.broadcast_(tensor);
    const auto text = world_.broadcast_text(resumed ? to_text(run_.state) : "");
    if (text.empty()) return false;
    scatter_moments_(world_, moments, step_.optimizer());
    if (!world_.is_main()) {
      run_.state = train_state(text, "rank 0's state");
      run_.state.generator = generator_state();
    }
    world_.broadcast_(run_.state.generator);
    return true;
  }

  /// Whether the resumed run had already ended: its last evaluation is then known.
  bool has_ended() {
    const auto summary = read_finished(context_, run_.state.fingerprint);
    if (!summary || summary->steps != run_.state.steps_done) return false;
    const bool early = summary->stopped_early && config_.early_stopping > 0 &&
                       summary->best.evaluations_since >= config_.early_stopping;
    if (!run_.finished() && !early) return false;
    run_.stopped_early = early;
    run_.last_evaluation = summary->last_evaluation;
    run_.state.best = summary->best;
    return true;
  }

  void update(const Batch& batch) {
    auto& state = run_.state;
    const int64_t step = state.steps_done;
    const auto examples = loader_.last_examples();
    const StepPlace place{.step = step,
                          .epoch = loader_.state().epoch,
                          .batch = loader_.state().batch,
                          .examples = {examples.begin(), examples.end()},
                          .epoch_seed = loader_.state().seed};
    state.last_step = step_.run(batch, place, learning_rate(config_, step, run_.length.steps),
                                state.recent_losses);
    state.loss_scale = step_.loss_scale();
    remember_loss(state.recent_losses, state.last_step.front().second);
    state.steps_done = step + 1;
    if (average_) average_->update(state.steps_done);
    state.tokens += batch.rows * batch.columns;
    state.loader = loader_.state();
    state.generator = generator_state();
    state.sample_bytes = context_.folder.sample_bytes();
    stop_signal_ = agreed_stop_signal(world_);
  }

  /// Evaluates when due, and stops here when a signal asked for it.
  void finish_step() {
    stop_if_asked();
    const bool due = config_.eval_every > 0 && run_.step() % config_.eval_every == 0;
    const bool loss = due || run_.finished();
    run_.evaluated.clear();
    try {
      if (loss || run_.ends_epoch()) measure(loss);
    } catch (const Stopped&) {  // of one process alone: several have to agree
      stop_if_asked();
    }
    for (const auto& [name, value] : run_.evaluated) require_finite(run_.step(), name, value);
    if (!run_.evaluated.empty()) stop_signal_ = agreed_stop_signal(world_);
    stop_if_asked();  // an evaluation may take long; resuming does it again
    if (loss) {
      for (const auto& observer : observers_) observer->evaluated(run_);
    }
    context_.folder.begin();
    for (const auto& observer : observers_) observer->stepped(run_);
  }

  void measure(bool loss) {
    torch::NoGradGuard no_grad;
    training_.objective.model().eval();
    std::optional<AverageWeightsScope> averaged;
    if (average_) averaged.emplace(*average_);
    if (loss) run_.last_evaluation = run_.evaluated = evaluate_loss(training_, world_);
    if (run_.ends_epoch()) {
      for (const auto& measure : training_.objective.epoch_measures()) {
        for (auto& item : evaluate(training_, world_, measure)) run_.evaluated.push_back(item);
      }
    }
    for (const auto& observer : observers_) observer->evaluating(run_, loss);
  }

  /// The average weights, if there are any: rank 0's are saved, all have the same.
  NamedTensors averages() const { return average_ ? average_->state() : NamedTensors(); }

  void stop_if_asked() {
    if (world_.size() == 1) stop_signal_ = stop_signal();
    if (stop_signal_ == 0) return;
    if (console_) console_->close();
    const auto& folder = context_.folder;
    const auto untouched = world_.broadcast_text(folder.replaces_a_run() ? "yes" : "");
    if (!untouched.empty()) {
      throw Stopped(stop_signal_, concat("stopped in the first step; the run in ",
                                         folder.path().string(), " was not replaced"));
    }
    checkpoints_->save(run_);
    throw Stopped(stop_signal_,
                  concat("stopped after step ", run_.step(), " of ", run_.length.steps - 1,
                         "; the state is saved; continue with: ", folder.resume_command()));
  }

  const Training& training_;
  const TrainConfig& config_;
  const RunContext& context_;
  World& world_;
  TrainStep step_;
  std::optional<WeightAverage> average_;
  Loader loader_;
  RunProgress run_;
  TrainObservers observers_;
  Checkpoints* checkpoints_ = nullptr;
  Console* console_ = nullptr;  // null on ranks other than 0
  int stop_signal_ = 0;
};

}  // namespace

TrainSummary train(const Training& training, const RunContext& context) {
  validate(training);
  return Trainer(training, context).run();
}

}  // namespace gptkit
