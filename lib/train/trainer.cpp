#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop.h"
#include "train/checkpoint.h"
#include "train/lr_schedule.h"
#include "train/optimizer.h"

namespace gptkit {

namespace {

/// Rows [begin, end) of a batch as a batch of their own.
Batch rows_of(const Batch& batch, int64_t begin, int64_t end) {
  if (begin == 0 && end == batch.rows) return batch;
  const auto cut = [&](const std::vector<int64_t>& from, int64_t width) {
    if (from.empty()) return from;
    return std::vector<int64_t>(from.begin() + begin * width, from.begin() + end * width);
  };
  return {end - begin,
          batch.columns,
          cut(batch.inputs, batch.columns),
          cut(batch.targets, batch.columns),
          cut(batch.labels, 1),
          cut(batch.lengths, 1)};
}

std::string loss_note(const Metrics& metrics) {
  std::string note;
  for (const auto& [name, value] : metrics) {
    if (name != "loss" && name != "val_loss") continue;
    char text[48];
    std::snprintf(text, sizeof text, "%s%s %.3f", note.empty() ? "" : ", ",
                  name == "loss" ? "loss" : "val", value);
    note += text;
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

class Trainer {
 public:
  Trainer(TrainingTask& task, const TrainConfig& config, const RunFolder& run)
      : task_(task),
        config_(config),
        run_(run),
        optimizer_(task.model(), {.beta1 = config.beta1,
                                  .beta2 = config.beta2,
                                  .weight_decay = config.weight_decay,
                                  .decay_all = config.decay_all}),
        loader_(task.train_data(),
                {.batch_size = config.batch_size(), .shuffle = true, .drop_last = true}) {
    total_steps_ = config.epochs * loader_.batches();
    if (config.max_steps > 0) total_steps_ = std::min(total_steps_, config.max_steps);
    state_.fingerprint = task.data_fingerprint();
  }

  TrainSummary run() {
    watch_stop_signals();
    std::optional<int64_t> unfinished = restore();
    metrics_.emplace(run_.path() / "metrics.jsonl", unfinished.value_or(state_.steps_done));
    log_info("training: ", total_steps_, " steps (", loader_.batches(), " per epoch), ",
             optimizer_.parameters().size(), " tensors to learn");
    progress_.emplace("training", total_steps_, "steps", state_.steps_done);
    begin_ = std::chrono::steady_clock::now();
    // A checkpoint is taken before its step's evaluation, which is made up for here.
    if (unfinished) finish_step();
    while (state_.steps_done < total_steps_) {
      auto batch = loader_.next();
      if (!batch) {
        start_epoch_like_pytorch(loader_, /*shuffle=*/true);
        continue;
      }
      update(*batch);
      if (config_.checkpoint_every > 0 && state_.steps_done % config_.checkpoint_every == 0) save();
      finish_step();
    }
    progress_->finish();
    write_plot(run_.path() / "loss.svg", metrics_->rows(), task_.plot());
    return {state_.steps_done, state_.tokens, seconds(), last_evaluation_};
  }

 private:
  /// Loads the newest checkpoint; returns the step whose evaluation is still to be done.
  std::optional<int64_t> restore() {
    if (!run_.resuming()) return std::nullopt;
    const auto checkpoint = newest_checkpoint(run_.path());
    if (!checkpoint) {
      log_warning(run_.path().string(), ": no whole checkpoint; starting from the first step");
      return std::nullopt;
    }
    auto loaded = load_checkpoint(*checkpoint, task_.model(), optimizer_);
    require(loaded.fingerprint == state_.fingerprint, checkpoint->string(),
            ": the training data are not those the run was started with; restore them or start "
            "another run");
    state_ = std::move(loaded);
    loader_.restore(state_.loader);
    set_generator_state(state_.generator);
    log_info("resuming from ", checkpoint->string());
    return state_.steps_done - 1;
  }

  double seconds() const {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin_;
    return state_.seconds + spent.count();
  }

  void update(const Batch& batch) {
    const auto started = std::chrono::steady_clock::now();
    const int64_t step = state_.steps_done;
    task_.model().train();
    optimizer_.zero_grad();
    const double loss = accumulate_gradients(batch);
    if (!std::isfinite(loss)) {
      fail_runtime("step ", step, ": the loss is ", loss,
                   "; lower train.lr, warm up longer or set train.clip (the last checkpoint is "
                   "from before)");
    }
    const double norm = clip_gradients_(optimizer_, config_.clip);
    const double lr = learning_rate(config_, step, total_steps_);
    optimizer_.step(lr);

    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started;
    const int64_t tokens = batch.rows * batch.columns;
    state_.steps_done = step + 1;
    state_.tokens += tokens;
    state_.loader = loader_.state();
    state_.generator = generator_state();
    state_.last_step = {{"loss", loss},
                        {"lr", lr},
                        {"grad_norm", norm},
                        {"tokens_per_second", static_cast<double>(tokens) / spent.count()}};
  }

  /// Forward and backward over the micro batches; the gradient is that of the mean over all loss
  /// terms of the step, however they fall into micro batches.
  double accumulate_gradients(const Batch& batch) {
    const auto terms = static_cast<double>(task_.loss_terms(batch));
    double total = 0;
    for (int64_t begin = 0; begin < batch.rows; begin += config_.micro_batch_size) {
      const auto micro =
          rows_of(batch, begin, std::min(batch.rows, begin + config_.micro_batch_size));
      const auto micro_terms = static_cast<double>(task_.loss_terms(micro));
      if (micro_terms == 0) continue;  // a mean over nothing is NaN
      auto loss = task_.loss(micro);
      if (micro_terms != terms) loss = loss * (micro_terms / terms);
      loss.backward();
      total += loss.item<double>();
    }
    return total;
  }

  void save() {
    auto state = state_;
    state.seconds = seconds();
    save_checkpoint(run_.path(), task_.model(), optimizer_, state, config_.keep_checkpoints);
  }

  /// Evaluates when due, writes the step's line, and stops here when a signal asked for it.
  void finish_step() {
    stop_if_asked();
    const int64_t step = state_.steps_done - 1;
    const int64_t per_epoch = loader_.batches();
    const bool last = state_.steps_done == total_steps_;
    const bool due = config_.eval_every > 0 && step % config_.eval_every == 0;
    Metrics evaluated;
    {
      torch::NoGradGuard no_grad;
      task_.model().eval();
      if (due || last) last_evaluation_ = evaluated = task_.evaluate();
      if (state_.steps_done % per_epoch == 0) {
        for (auto& item : task_.end_epoch(state_.steps_done / per_epoch - 1))
          evaluated.push_back(item);
      }
    }
    stop_if_asked();  // an evaluation may take long; resuming does it again
    write_metrics(step, evaluated);
  }

  void write_metrics(int64_t step, const Metrics& evaluated) {
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
    if (evaluated.empty()) return;
    write_plot(run_.path() / "loss.svg", metrics_->rows(), task_.plot());
    log_info("step ", step, ": ", one_line(evaluated));
  }

  void stop_if_asked() {
    if (stop_signal() == 0) return;
    progress_->finish();
    save();
    throw Stopped(stop_signal(), concat("stopped after step ", state_.steps_done - 1, " of ",
                                        total_steps_ - 1, "; the state is saved in ",
                                        run_.path().string(), ", go on with --resume"));
  }

  TrainingTask& task_;
  const TrainConfig& config_;
  const RunFolder& run_;
  AdamW optimizer_;
  Loader loader_;
  int64_t total_steps_ = 0;
  TrainState state_;
  Metrics last_evaluation_;
  std::optional<MetricsLog> metrics_;
  std::optional<Progress> progress_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace

TrainSummary train(TrainingTask& task, const TrainConfig& config, const RunFolder& run) {
  validate(config);
  return Trainer(task, config, run).run();
}

void start_epoch_like_pytorch(Loader& loader, bool shuffle) {
  draw_seed();  // DataLoader's base seed for its workers, drawn with or without them
  loader.start_epoch(shuffle ? draw_seed() : 0);
}

double mean_over_batches(std::shared_ptr<const Dataset> data, const LoaderOptions& options,
                         int64_t batches, const std::function<double(const Batch&)>& per_batch) {
  Loader loader(std::move(data), options);
  start_epoch_like_pytorch(loader, options.shuffle);
  const int64_t count = batches > 0 ? std::min(batches, loader.batches()) : loader.batches();
  double total = 0;
  for (int64_t i = 0; i < count; ++i) total += per_batch(*loader.next());
  return total / static_cast<double>(count);
}

torch::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        torch::Device device) {
  const auto view = torch::from_blob(const_cast<int64_t*>(values.data()), shape, torch::kInt64);
  return device.is_cpu() ? view.clone() : view.to(device);
}

}  // namespace gptkit
