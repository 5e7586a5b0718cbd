#include "train/dry_run.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/strings.h"
#include "train/evaluation.h"
#include "train/forward.h"
#include "train/lr_schedule.h"
#include "train/run_length.h"
#include "train/train_step.h"

namespace gptkit {

namespace {

/// Counts the bytes that LibTorch's allocators allocate and free on this thread, as its profiler
/// does.
class LiveBytes : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
    live_ += bytes;
    peak_ = std::max(peak_, live_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  double peak() const { return static_cast<double>(peak_); }

 private:
  int64_t live_ = 0, peak_ = 0;
};

std::string three_digits(double value) {
  std::ostringstream text;
  text << std::setprecision(3) << value;
  return text.str();
}

double bytes_of(const torch::Tensor& tensor) { return static_cast<double>(tensor.nbytes()); }

double most_resident_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

double activation_bytes(const Training& training) {
  Loader loader(training.data.train,
                {.batch_size = training.config.micro_batch_size, .drop_last = true});
  loader.start_epoch();
  const auto batch = loader.next();
  auto& objective = training.objective;
  set_activation_checkpointing(objective.model(), training.config.activation_checkpointing);
  objective.model().train();
  const auto live = std::make_shared<LiveBytes>();
  const c10::DebugInfoGuard counting(c10::DebugInfoKind::PROFILER_STATE, live);
  const auto precision = training_precision(objective, training.config);
  objective.loss(*batch);
  return live->peak();
}

/// The durations of the first three steps in seconds, sorted.
std::array<double, 3> time_steps(TrainStep& step, Loader& loader, const TrainConfig& config,
                                 int64_t total_steps, DryRun& result) {
  std::array<double, 3> seconds{};
  for (int64_t i = 0; i < std::ssize(seconds); ++i) {
    auto batch = loader.next();
    if (!batch) {
      start_epoch_like_pytorch(loader, /*shuffle=*/true);
      batch = loader.next();
    }
    const auto examples = loader.last_examples();
    const StepPlace place{.step = i,
                          .epoch = loader.state().epoch,
                          .batch = loader.state().batch,
                          .examples = {examples.begin(), examples.end()},
                          .epoch_seed = loader.state().seed};
    const auto began = std::chrono::steady_clock::now();
    step.run(*batch, place, learning_rate(config, i, total_steps), {});
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    seconds[static_cast<size_t>(i)] = spent.count();
    result.tokens = batch->rows * batch->columns;
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

}  // namespace

DryRun dry_run(const Training& training, World& world, double flops) {
  validate(training);
  const auto& config = training.config;
  DryRun result{.flops = flops};
  for (const auto& parameter : training.objective.model().parameters()) {
    result.parameters += parameter.numel();
    result.weight_bytes += bytes_of(parameter);
    if (!parameter.requires_grad()) continue;
    result.trainable += parameter.numel();
    result.gradient_bytes += bytes_of(parameter);
  }
  Loader loader(training.data.train,
                {.batch_size = config.batch_size(), .shuffle = true, .drop_last = true});
  result.steps = run_length(config, loader).steps;

  result.activation_bytes = activation_bytes(training);
  const auto live = std::make_shared<LiveBytes>();
  {
    const c10::DebugInfoGuard counting(c10::DebugInfoKind::PROFILER_STATE, live);
    TrainStep step(training.objective, config, world);
    const auto seconds = time_steps(step, loader, config, result.steps, result);
    result.step_seconds = seconds[seconds.size() / 2];
    for (const auto& [name, tensor] : step.optimizer().state()) {
      result.optimizer_bytes += bytes_of(tensor);
    }
  }
  result.peak_bytes = result.weight_bytes + live->peak();
  result.process_bytes = most_resident_bytes();
  return result;
}

std::string to_text(const DryRun& run) {
  std::string text = concat("parameters   ", format_count(run.parameters));
  if (run.trainable != run.parameters) text += concat(", ", format_count(run.trainable), " learn");
  text += concat("\nmemory       ", format_bytes(run.peak_bytes), " at most: weights ",
                 format_bytes(run.weight_bytes), ", gradients ", format_bytes(run.gradient_bytes),
                 ", optimizer ", format_bytes(run.optimizer_bytes), ", activations ",
                 format_bytes(run.activation_bytes), "; the whole process ",
                 format_bytes(run.process_bytes));
  text += concat("\na step       ", format_count(run.tokens), " tokens, ");
  if (run.flops > 0) text += concat(three_digits(run.flops / 1e9), " GFLOP, ");
  text += concat(three_digits(run.step_seconds),
                 " s: ", format_count(std::llround(run.tokens_per_second())), " tokens/s");
  if (run.flops > 0) {
    text += concat(", ", three_digits(run.flops / run.step_seconds / 1e9), " GFLOP/s");
  }
  text += concat("\nthe run      ", format_count(run.steps), " steps, ",
                 format_count(run.steps * run.tokens), " tokens, ",
                 format_duration(run.total_seconds()), ", without evaluations\n");
  return text;
}

OrderedJson to_json(const DryRun& run) {
  OrderedJson json = {
      {"parameters", run.parameters},           {"trainable", run.trainable},
      {"weight_bytes", run.weight_bytes},       {"gradient_bytes", run.gradient_bytes},
      {"optimizer_bytes", run.optimizer_bytes}, {"activation_bytes", run.activation_bytes},
      {"peak_bytes", run.peak_bytes},           {"process_bytes", run.process_bytes},
      {"tokens_per_step", run.tokens}};
  if (run.flops > 0) json["flops_per_step"] = run.flops;
  json["seconds_per_step"] = run.step_seconds;
  json["tokens_per_second"] = run.tokens_per_second();
  json["steps"] = run.steps;
  json["tokens"] = run.steps * run.tokens;
  json["seconds"] = run.total_seconds();
  return json;
}

}  // namespace gptkit
