#include "train/train_step.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "train/checkpoint.h"

namespace gptkit {

namespace {

constexpr const char* kWhatToDo =
    "; start again with a lower train.lr, a longer warm-up or train.clip (the checkpoints in the "
    "run folder are from before this step)";

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

StepPlace rows_of(StepPlace place, int64_t begin, int64_t end) {
  auto& examples = place.examples;
  if (static_cast<int64_t>(examples.size()) < end) return place;
  examples = {examples.begin() + begin, examples.begin() + end};
  return place;
}

}  // namespace

TrainStep::TrainStep(TrainingTask& task, const TrainConfig& config)
    : task_(task),
      config_(config),
      optimizer_(task.model(), {.beta1 = config.beta1,
                                .beta2 = config.beta2,
                                .weight_decay = config.weight_decay,
                                .decay_all = config.decay_all}) {}

Metrics TrainStep::run(const Batch& batch, const StepPlace& place, double lr,
                       const RecentLosses& recent) {
  const auto started = std::chrono::steady_clock::now();
  task_.model().train();
  optimizer_.zero_grad();
  const double loss = accumulate_gradients(batch, place);
  check_spike(loss, place, recent);
  const double norm = clip(place);
  optimizer_.step(lr);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started;
  const auto tokens = static_cast<double>(batch.rows * batch.columns);
  return {{"loss", loss},
          {"lr", lr},
          {"grad_norm", norm},
          {"tokens_per_second", tokens / spent.count()}};
}

/// Forward and backward over the micro batches; the gradient is that of the mean over all loss
/// terms of the step, however they fall into micro batches.
double TrainStep::accumulate_gradients(const Batch& batch, const StepPlace& place) {
  const auto terms = static_cast<double>(task_.loss_terms(batch));
  double total = 0;
  for (int64_t begin = 0; begin < batch.rows; begin += config_.micro_batch_size) {
    const int64_t end = std::min(batch.rows, begin + config_.micro_batch_size);
    const auto micro = rows_of(batch, begin, end);
    const auto micro_terms = static_cast<double>(task_.loss_terms(micro));
    if (micro_terms == 0) continue;  // a mean over nothing is NaN
    total += micro_batch(micro, micro_terms / terms, rows_of(place, begin, end));
  }
  return total;
}

double TrainStep::micro_batch(const Batch& micro, double share, const StepPlace& place) {
  const auto random = generator_state();
  auto loss = task_.loss(micro);
  if (share != 1) loss = loss * share;
  const double value = loss.item<double>();
  if (std::isfinite(value)) {
    loss.backward();
    return value;
  }
  const auto weight = first_weight_not_finite(task_.model());
  if (!weight.empty()) {
    fail_runtime(to_text(place), ": the loss is ", value, ": the weight '", weight,
                 "' is not finite", kWhatToDo);
  }
  set_generator_state(random);  // the same dropout again
  const auto layer = first_result_not_finite(task_.model(), [&] { task_.loss(micro); });
  fail_runtime(to_text(place), ": the loss is ", value,
               layer.empty() ? ", though not when computed again: is the memory sound?"
                             : concat(": the first number that is not finite comes from ", layer),
               kWhatToDo);
}

void TrainStep::check_spike(double loss, const StepPlace& place, const RecentLosses& recent) const {
  const double limit = spike_limit(recent, config_.spike_factor);
  if (loss <= limit) return;
  fail_runtime(to_text(place), ": the loss jumped to ", loss, ", over ", config_.spike_factor,
               " times what is usual (", limit / config_.spike_factor,
               "); the largest gradient is that of ", largest_gradient(optimizer_),
               "; look at these examples, start again with a lower train.lr, or go on with "
               "--resume and a larger train.spike_factor (0: no limit)");
}

double TrainStep::clip(const StepPlace& place) const {
  const auto refuse = [&](const std::string& why) {
    const auto layer = gradients_not_finite(optimizer_);
    fail_runtime(to_text(place), ": the gradient ",
                 layer.empty() ? "is not finite: " + why : "of " + layer + " is not finite",
                 kWhatToDo);
  };
  double norm = 0;
  try {
    norm = clip_gradients_(optimizer_, config_.clip);
  } catch (const Error& error) {
    refuse(error.what());
  }
  if (!std::isfinite(norm)) refuse("its norm overflows");
  return norm;
}

}  // namespace gptkit
