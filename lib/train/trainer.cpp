#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop.h"
#include "data/fingerprint.h"
#include "distributed/world.h"
#include "tensors/tensor_source.h"
#include "train/agreement.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/finished.h"
#include "train/lr_schedule.h"
#include "train/sharded_optimizer.h"
#include "train/train_step.h"
#include "train/weight_average.h"

namespace gptkit {

namespace {

/// "loss 3.214, 1852 tokens/s, val 3.301": behind the progress bar.
std::string loss_note(const Metrics& metrics) {
  std::string note;
  const auto add = [&](const char* before, double value, int digits, const char* after) {
    char text[48];
    std::snprintf(text, sizeof text, "%s%s%.*f%s", note.empty() ? "" : ", ", before, digits, value,
                  after);
    note += text;
  };
  for (const auto& [name, value] : metrics) {
    if (name == "loss") add("loss ", value, 3, "");
    if (name == "tokens_per_second") add("", value, 0, " tokens/s");
    if (name == "val_loss") add("val ", value, 3, "");
  }
  return note;
}

/// "train_loss 9.781, val_loss 9.933, val_accuracy 95.67 %".
std::string one_line(const Metrics& metrics) {
  std::string line;
  for (const auto& [name, value] : metrics) {
    const bool share = name.ends_with("accuracy");
    char text[32];
    std::snprintf(text, sizeof text, share ? "%.2f %%" : "%.3f", share ? 100 * value : value);
    line += (line.empty() ? "" : ", ") + name + " " + text;
  }
  return line;
}

/// The mean number of input tokens in a batch, over eight of them spread over the data: they all
/// have as many unless examples are padded to the longest.
double tokens_per_batch(const Dataset& data, int64_t batch_size) {
  constexpr int64_t kSample = 8;
  double tokens = 0;
  for (int64_t i = 0; i < kSample; ++i) {
    std::vector<int64_t> indices(static_cast<size_t>(batch_size));
    std::iota(indices.begin(), indices.end(), (data.size() - batch_size) * i / kSample);
    const auto batch = data.collate(indices);
    tokens += static_cast<double>(batch.rows * batch.columns);
  }
  return tokens / kSample;
}

void require_finite(int64_t step, const std::string& name, double value) {
  if (std::isfinite(value)) return;
  fail_runtime("step ", step, ": ", name, " is ", value,
               ": the model's results overflow on these data; start again with a lower train.lr or "
               "with train.precision=float32 (the checkpoints in the run folder are from before)");
}

class Trainer {
 public:
  Trainer(TrainingTask& task, const TrainConfig& config, const RunFolder& run, World& world)
      : task_(task),
        config_(config),
        run_(run),
        world_(world),
        step_(task, config, world),
        loader_(task.train_data(), {.batch_size = config.batch_size(),
                                    .shuffle = true,
                                    .drop_last = true,
                                    .group_by_length = config.group_by_length}),
        length_(run_length(config, loader_)) {
    require(task.has_validation() || (!config.keep_best && config.early_stopping == 0),
            "train.early_stopping and train.keep_best go by the val_loss, which needs validation "
            "data; name some in data.validation or leave them out");
    state_.fingerprint = task.data_fingerprint();
    if (config.ema_decay > 0) average_.emplace(step_.optimizer(), config.ema_decay);
  }

  TrainSummary run() {
    watch_stop_signals();
    require_same_run(world_, task_, config_);
    const auto unfinished = restore();
    run_.when_begun([this, step = unfinished.value_or(state_.steps_done)] { open_metrics(step); });
    for (const auto& warning : schedule_warnings(config_, length_.steps)) log_warning(warning);
    if (!length_.budget_reached) {
      log_warning("train.token_budget ", config_.token_budget,
                  " will not be reached: train.epochs or train.max_steps end the run after ",
                  length_.steps, " steps");
    }
    log_info("training: ", length_.steps, " steps (", loader_.batches(), " per epoch), ",
             step_.optimizer().parameters().size(), " tensors to learn");
    progress_.emplace("training", length_.steps, "steps", state_.steps_done);
    begin_ = plotted_ = Clock::now();
    resumed_ = unfinished.has_value();
    const bool was_finished = resumed_ && has_ended();
    // What another run left is in danger only once a step has worked.
    if (!was_finished && !run_.replaces_a_run()) run_.begin();
    // A checkpoint is taken before its step's evaluation, which is made up for here.
    if (resumed_ && !was_finished) finish_step();
    while (!finished()) {
      auto batch = loader_.next();
      if (!batch) {
        start_epoch_like_pytorch(loader_, /*shuffle=*/true);
        continue;
      }
      update(*batch);
      if (resumed_ && !std::exchange(trains_on_, true)) forget_finished(run_);
      if (checkpoint_due()) save();
      finish_step();
    }
    progress_->finish();
    if (world_.is_main()) {
      redraw_plot();
      if (config_.keep_best) take_best_weights();
    }
    if (average_) average_->swap_();
    return {state_.steps_done, state_.tokens,  seconds(),   last_evaluation_,
            state_.best,       stopped_early_, was_finished};
  }

 private:
  using Clock = std::chrono::steady_clock;

  void open_metrics(int64_t next_step) {
    metrics_.emplace(run_.path() / "metrics.jsonl", next_step);
    if (config_.tensorboard) metrics_->write_events(state_.seconds);
  }

  /// Rank 0 loads the newest checkpoint, and all go on from what it has; returns the step whose
  /// evaluation is still to be done.
  std::optional<int64_t> restore() {
    const auto moments = room_for_moments(world_, step_.optimizer());
    const bool resumed = world_.is_main() && load_newest(moments);
    if (!share_start(moments, resumed)) return std::nullopt;
    step_.optimizer().set_steps(state_.steps_done - state_.loss_scale.skipped);
    step_.loss_scale() = state_.loss_scale;
    loader_.restore(state_.loader);
    set_generator_state(state_.generator);
    saved_at_ = state_.steps_done;
    return state_.steps_done - 1;
  }

  /// False when there is nothing to go on from.
  bool load_newest(NamedTensors moments) {
    for (auto& item : averages()) moments.push_back(item);
    if (!run_.resuming()) return false;
    const auto checkpoint = newest_checkpoint(run_.path());
    if (!checkpoint) {
      log_warning(run_.path().string(), ": no whole checkpoint; starting from the first step");
      run_.when_begun([this] { run_.cut_samples(0); });
      return false;
    }
    auto loaded = load_checkpoint(*checkpoint, task_.model(), moments);
    require_same_data(loaded.fingerprint, state_.fingerprint, checkpoint->string());
    loaded.fingerprint = state_.fingerprint;
    state_ = std::move(loaded);
    run_.when_begun([this, bytes = state_.sample_bytes] { run_.cut_samples(bytes); });
    log_info("resuming from ", checkpoint->string());
    return true;
  }

  /// Every rank gets rank 0's weights and, when resumed, the rest of its state. Returns resumed.
  bool share_start(const NamedTensors& moments, bool resumed) {
    torch::NoGradGuard no_grad;
    for (auto [name, tensor] : tensors_of(task_.model())) world_.broadcast_(tensor);
    for (auto [name, tensor] : averages()) world_.broadcast_(tensor);
    const auto text = world_.broadcast_text(resumed ? to_text(state_) : "");
    if (text.empty()) return false;
    scatter_moments_(world_, moments, step_.optimizer());
    if (!world_.is_main()) {
      state_ = train_state(text, "rank 0's state");
      state_.generator = generator_state();
    }
    world_.broadcast_(state_.generator);
    return true;
  }

  bool finished() const {
    const bool spent = config_.token_budget > 0 && state_.tokens >= config_.token_budget;
    return state_.steps_done >= length_.most_steps || spent || stopped_early_;
  }

  /// Whether the run that is resumed had come to its end: its last evaluation is then known.
  bool has_ended() {
    const auto summary = read_finished(run_, state_.fingerprint);
    if (!summary || summary->steps != state_.steps_done) return false;
    const bool early = summary->stopped_early && config_.early_stopping > 0 &&
                       summary->best.evaluations_since >= config_.early_stopping;
    if (!finished() && !early) return false;
    stopped_early_ = early;
    last_evaluation_ = summary->last_evaluation;
    state_.best = summary->best;
    return true;
  }

  /// The state after the last step is always kept, so that a finished run can be trained on.
  bool checkpoint_due() const {
    const bool due =
        config_.checkpoint_every > 0 && state_.steps_done % config_.checkpoint_every == 0;
    return due || finished();
  }

  double seconds() const {
    const std::chrono::duration<double> spent = Clock::now() - begin_;
    return state_.seconds + spent.count();
  }

  void update(const Batch& batch) {
    const int64_t step = state_.steps_done;
    const auto examples = loader_.last_examples();
    const StepPlace place{.step = step,
                          .epoch = loader_.state().epoch,
                          .batch = loader_.state().batch,
                          .examples = {examples.begin(), examples.end()},
                          .epoch_seed = loader_.state().seed};
    state_.last_step =
        step_.run(batch, place, learning_rate(config_, step, length_.steps), state_.recent_losses);
    state_.loss_scale = step_.loss_scale();
    remember_loss(state_.recent_losses, state_.last_step.front().second);
    state_.steps_done = step + 1;
    if (average_) average_->update(state_.steps_done);
    state_.tokens += batch.rows * batch.columns;
    state_.loader = loader_.state();
    state_.generator = generator_state();
    state_.sample_bytes = run_.sample_bytes();
    stop_signal_ = agreed_stop_signal(world_);
  }

  /// Saves the state of before the last step's evaluation. What the steps so far have written into
  /// files that grow is pushed to the disk first: a checkpoint that survives a power cut without
  /// their lines would leave a gap for ever.
  void save() {
    const auto weight = first_weight_not_finite(task_.model());
    if (!weight.empty()) {
      fail_runtime("step ", state_.steps_done - 1, ": the weight '", weight,
                   "' is not finite after the update, and no checkpoint of it is saved; start "
                   "again with a lower train.lr, or go on from the one before with ",
                   Key{"resume"});
    }
    saved_at_ = state_.steps_done;
    auto moments = gather_moments(world_, step_.optimizer());
    if (!world_.is_main()) return;
    run_.begin();
    for (auto& item : averages()) moments.push_back(item);
    metrics_->sync();
    run_.sync_samples();
    auto state = state_;
    state.seconds = seconds();
    save_checkpoint(run_.path(), task_.model(), moments, state,
                    {.newest = config_.keep_checkpoints,
                     .best = config_.keep_best ? state_.best.steps_done : 0});
  }

  /// Evaluates when due, writes the step's line, and stops here when a signal asked for it.
  void finish_step() {
    stop_if_asked();
    const int64_t step = state_.steps_done - 1;
    const int64_t per_epoch = loader_.batches();
    const bool due = config_.eval_every > 0 && step % config_.eval_every == 0;
    Metrics evaluated;
    try {
      torch::NoGradGuard no_grad;
      task_.model().eval();
      std::optional<AverageWeightsScope> averaged;
      const bool ends_epoch = state_.steps_done % per_epoch == 0;
      if (average_ && (due || finished() || ends_epoch)) averaged.emplace(*average_);
      if (due || finished()) last_evaluation_ = evaluated = task_.evaluate();
      if (ends_epoch) {
        for (auto& item : task_.end_epoch(state_.steps_done / per_epoch - 1))
          evaluated.push_back(item);
      }
    } catch (const Stopped&) {  // of one process alone: several have to agree
      stop_if_asked();
    }
    for (const auto& [name, value] : evaluated) require_finite(step, name, value);
    if (!evaluated.empty()) stop_signal_ = agreed_stop_signal(world_);
    stop_if_asked();  // an evaluation may take long; resuming does it again
    if (due || finished()) compare_with_best();
    write_metrics(step, evaluated);
  }

  /// Early stopping and the best checkpoint, which is the state of before the evaluation too:
  /// resuming from it evaluates again and comes to the same result.
  void compare_with_best() {
    const auto found = std::find_if(last_evaluation_.begin(), last_evaluation_.end(),
                                    [](const auto& item) { return item.first == "val_loss"; });
    if (found == last_evaluation_.end()) return;
    auto& best = state_.best;
    if (found->second < best.val_loss) {
      if (config_.keep_best && saved_at_ != state_.steps_done) save();
      best = {.val_loss = found->second, .steps_done = state_.steps_done};
      return;
    }
    const bool stops =
        config_.early_stopping > 0 && best.evaluations_since + 1 >= config_.early_stopping;
    if (stops && saved_at_ != state_.steps_done) save();  // before this evaluation counts
    ++best.evaluations_since;
    if (!stops) return;
    stopped_early_ = true;
    log_info("step ", state_.steps_done - 1, ": no lower val_loss than ", best.val_loss, " (step ",
             best.steps_done - 1, ") in ", best.evaluations_since, " evaluations: stopping early");
  }

  void take_best_weights() {
    const auto& best = state_.best;
    if (best.steps_done == 0 || best.steps_done == state_.steps_done) return;
    if (!load_weights(checkpoint_folder(run_.path(), best.steps_done), task_.model(), averages())) {
      log_warning("the best weights, of step ", best.steps_done - 1,
                  ", are not there any more: the model is that of the last step");
      return;
    }
    log_info("the model is that of step ", best.steps_done - 1, ", whose val_loss ", best.val_loss,
             " is the lowest");
  }

  /// The average weights, if there are any: rank 0's are saved, all have the same.
  NamedTensors averages() const { return average_ ? average_->state() : NamedTensors(); }

  void write_metrics(int64_t step, const Metrics& evaluated) {
    if (!world_.is_main()) return;
    run_.begin();
    OrderedJson row = {
        {"step", step},
        {"epoch", static_cast<double>(step + 1) / static_cast<double>(loader_.batches())},
        {"tokens", state_.tokens}};
    for (const auto& [name, value] : state_.last_step) row[name] = value;
    for (const auto& [name, value] : evaluated) row[name] = value;
    row["seconds"] = std::round(seconds() * 1000) / 1000;
    metrics_->append(row);

    auto shown = state_.last_step;
    shown.insert(shown.end(), last_evaluation_.begin(), last_evaluation_.end());
    progress_->update(state_.steps_done, loss_note(shown));
    if (!evaluated.empty() || Clock::now() - plotted_ > kRedrawPlot) redraw_plot();
    if (!evaluated.empty()) log_info("step ", step, ": ", one_line(evaluated));
  }

  void stop_if_asked() {
    if (world_.size() == 1) stop_signal_ = stop_signal();
    if (stop_signal_ == 0) return;
    progress_->finish();
    const auto untouched = world_.broadcast_text(run_.replaces_a_run() ? "yes" : "");
    if (!untouched.empty()) {
      throw Stopped(stop_signal_, concat("stopped in the first step; the run in ",
                                         run_.path().string(), " was not replaced"));
    }
    if (saved_at_ != state_.steps_done) save();
    throw Stopped(stop_signal_,
                  concat("stopped after step ", state_.steps_done - 1, " of ", length_.steps - 1,
                         "; the state is saved; go on with: ", run_.resume_command()));
  }

  /// A picture that cannot be written costs the picture.
  void redraw_plot() {
    plotted_ = Clock::now();
    if (!metrics_) return;
    try {
      const auto picture = loss_plot(metrics_->rows(), task_.plot());
      if (!picture.empty()) write_file_atomic(run_.path() / "loss.svg", picture);
    } catch (const Error& error) {
      if (!std::exchange(plot_failed_, true)) log_warning(error.what(), "; training goes on");
    }
  }

  static constexpr auto kRedrawPlot = std::chrono::seconds(30);

  TrainingTask& task_;
  const TrainConfig& config_;
  const RunFolder& run_;
  World& world_;
  TrainStep step_;
  std::optional<WeightAverage> average_;
  Loader loader_;
  RunLength length_;
  TrainState state_;
  Metrics last_evaluation_;
  bool stopped_early_ = false;
  int64_t saved_at_ = 0;  // steps done at the newest checkpoint
  int stop_signal_ = 0;
  bool plot_failed_ = false;
  bool resumed_ = false, trains_on_ = false;
  std::optional<MetricsLog> metrics_;
  std::optional<Progress> progress_;
  Clock::time_point begin_, plotted_;
};

}  // namespace

RunLength run_length(const TrainConfig& config, const Loader& loader) {
  RunLength length{.most_steps = config.epochs * loader.batches()};
  if (config.max_steps > 0) length.most_steps = std::min(length.most_steps, config.max_steps);
  length.steps = length.most_steps;
  if (config.token_budget == 0) return length;
  const double steps = std::ceil(static_cast<double>(config.token_budget) /
                                 tokens_per_batch(loader.dataset(), config.batch_size()));
  if (steps < static_cast<double>(length.steps)) length.steps = static_cast<int64_t>(steps);
  length.budget_reached = steps <= static_cast<double>(length.steps);
  return length;
}

TrainSummary train(TrainingTask& task, const TrainConfig& config, const RunFolder& run) {
  validate(config);
  return Trainer(task, config, run, world()).run();
}

torch::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        torch::Device device) {
  const auto view = torch::from_blob(const_cast<int64_t*>(values.data()), shape, torch::kInt64);
  return device.is_cpu() ? view.clone() : view.to(device);
}

}  // namespace gptkit
