#include "train/train_step.h"

#include <ATen/Context.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/evaluation.h"
#include "train/forward.h"
#include "train/sharded_optimizer.h"

namespace gptkit {

namespace {

constexpr const char* kAdvice =
    "; start again with a lower train.lr, a longer warm-up or a lower train.max_grad_norm (the "
    "checkpoints in the "
    "run folder are from before this step)";

StepPlace rows_of(StepPlace place, int64_t begin, int64_t end) {
  auto& examples = place.examples;
  if (static_cast<int64_t>(examples.size()) < end) return place;
  examples = {examples.begin() + begin, examples.begin() + end};
  return place;
}

/// A rank's rows of a batch, [first, second).
std::pair<int64_t, int64_t> rows_of_rank(int64_t rows, const World& world) {
  return {rows * world.rank() / world.size(), rows * (world.rank() + 1) / world.size()};
}

/// Several ranks cannot draw dropout masks from one generator. With several ranks each micro batch
/// therefore has its own seed, and the generator that decides the order of the data is the same on
/// all ranks. The same holds on a GPU, so that checkpoints need not store the GPU's generator. A
/// single process on a CPU uses one generator, as PyTorch does.
class MicroBatchRandomness {
 public:
  MicroBatchRandomness(const World& world, torch::Device device, uint64_t epoch_seed, int64_t step,
                       int64_t first_row) {
    if (world.size() == 1 && device.is_cpu()) return;
    before_ = generator_state();
    uint64_t seed = epoch_seed;
    for (const int64_t part : {step, first_row}) {  // SplitMix64 (Steele et al. 2014)
      seed += static_cast<uint64_t>(part) + 0x9E3779B97F4A7C15U;
      seed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9U;
      seed = (seed ^ (seed >> 27)) * 0x94D049BB133111EBU;
      seed ^= seed >> 31;
    }
    auto generator = at::globalContext().defaultGenerator(device);
    const std::scoped_lock lock(generator.mutex());
    generator.set_current_seed(seed);
  }
  ~MicroBatchRandomness() {
    if (before_.defined()) set_generator_state(before_);
  }
  MicroBatchRandomness(const MicroBatchRandomness&) = delete;
  MicroBatchRandomness& operator=(const MicroBatchRandomness&) = delete;

 private:
  torch::Tensor before_;
};

}  // namespace

TrainStep::TrainStep(Objective& objective, const TrainConfig& config, World& world)
    : objective_(objective),
      config_(config),
      world_(world),
      optimizer_(objective.model(),
                 {.beta1 = config.beta1,
                  .beta2 = config.beta2,
                  .weight_decay = config.weight_decay,
                  .decay_all = config.decay_all},
                 config.shard_optimizer ? Shard{world.rank(), world.size()} : Shard{}),
      device_(optimizer_.parameters().front().device()),
      float16_(config.precision == Precision::kFloat16),
      sum_(world, optimizer_.parameters(), optimizer_.names()) {
  set_activation_checkpointing(objective.model(), config.activation_checkpointing);
}

torch::Tensor TrainStep::forward(const Batch& batch) {
  const auto precision = training_precision(objective_, config_);
  return objective_.loss(batch);
}

Metrics TrainStep::run(const Batch& batch, const StepPlace& place, double lr,
                       const RecentLosses& recent) {
  const auto started = std::chrono::steady_clock::now();
  objective_.model().train();
  optimizer_.zero_grad();
  const double loss = accumulate_gradients(batch, place);
  check_spike(loss, place, recent);
  const double norm = float16_ ? update_float16(place, lr) : finite_norm(place);
  if (!float16_) optimizer_.step(lr, clipping_divisor(norm, config_.max_grad_norm));
  share_weights_(world_, optimizer_);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started;
  const auto tokens = static_cast<double>(batch.rows * batch.columns);
  return {{"loss", loss},
          {"lr", lr},
          {"grad_norm", norm},
          {"tokens_per_second", tokens / spent.count()}};
}

struct TrainStep::MicroBatch {
  Batch batch;
  double terms;
  StepPlace place;
  int64_t first_row;  // in the batch of all ranks
};

/// This rank's share, without rows that have no loss terms: the mean of no terms is NaN.
std::vector<TrainStep::MicroBatch> TrainStep::micro_batches(const Batch& batch,
                                                            const StepPlace& place) const {
  const auto [first, last] = rows_of_rank(batch.rows, world_);
  std::vector<MicroBatch> micros;
  for (int64_t begin = first; begin < last; begin += config_.micro_batch_size) {
    const int64_t end = std::min(last, begin + config_.micro_batch_size);
    auto micro = rows_of(batch, begin, end);
    const auto terms = static_cast<double>(objective_.loss_terms(micro));
    if (terms > 0) micros.push_back({std::move(micro), terms, rows_of(place, begin, end), begin});
  }
  return micros;
}

/// Forward and backward over the micro batches. The gradient is that of the mean over all loss
/// terms of the step, independent of the partition into micro batches and ranks.
double TrainStep::accumulate_gradients(const Batch& batch, const StepPlace& place) {
  const auto terms = static_cast<double>(objective_.loss_terms(batch));
  const auto micros = micro_batches(batch, place);
  double total = 0;
  for (size_t i = 0; i < micros.size(); ++i) {
    const MicroBatchRandomness randomness(world_, device_, place.epoch_seed, place.step,
                                          micros[i].first_row);
    const auto loss = micro_loss(micros[i], micros[i].terms / terms);
    total += loss.item<double>();
    const auto scaled = float16_ ? loss * loss_scale_.scale : loss;
    if (i + 1 < micros.size()) {
      sum_.accumulate(scaled);
    } else {
      sum_.accumulate_and_sum(scaled);  // the ranks' sums, once per step
    }
  }
  if (micros.empty()) sum_.accumulate_and_sum({});
  return world_.sum(total);
}

/// The loss times its share of the step's. Fails unless it is finite.
torch::Tensor TrainStep::micro_loss(const MicroBatch& micro, double share) {
  auto generator = at::globalContext().defaultGenerator(device_);
  const auto random = generator.get_state();
  auto loss = forward(micro.batch);
  if (share != 1) loss = loss * share;
  const double value = loss.item<double>();
  if (std::isfinite(value)) return loss;
  const auto weight = first_weight_not_finite(objective_.model());
  if (!weight.empty()) {
    fail_runtime(to_text(micro.place), ": the loss is ", value, ": the weight '", weight,
                 "' is not finite", kAdvice);
  }
  generator.set_state(random);  // the same dropout again
  const auto layer = first_result_not_finite(objective_.model(), [&] { forward(micro.batch); });
  fail_runtime(
      to_text(micro.place), ": the loss is ", value,
      layer.empty()
          ? ", but a second computation gives a finite loss; check the memory of this machine"
          : concat(": the first number that is not finite comes from ", layer),
      kAdvice);
}

void TrainStep::check_spike(double loss, const StepPlace& place, const RecentLosses& recent) const {
  const double limit = spike_limit(recent, config_.spike_factor);
  if (loss <= limit) return;
  fail_runtime(to_text(place), ": the loss jumped to ", loss, ", over ", config_.spike_factor,
               " times the usual loss (", limit / config_.spike_factor,
               "); the largest gradient is that of ", largest_gradient(optimizer_),
               "; check these examples, start again with a lower train.lr, or continue with ",
               Key{"resume"}, " and a larger train.spike_factor (0: no limit)");
}

double TrainStep::finite_norm(const StepPlace& place) const {
  const auto refuse = [&](const std::string& why) {
    const auto layer = gradients_not_finite(optimizer_);
    fail_runtime(to_text(place), ": the gradient ",
                 layer.empty() ? "is not finite: " + why : "of " + layer + " is not finite",
                 kAdvice);
  };
  double norm = 0;
  try {
    norm = gradient_norm(optimizer_);
  } catch (const Error& error) {
    refuse(error.what());
  }
  if (!std::isfinite(norm)) refuse("its norm overflows");
  return norm;
}

/// The update with the gradients of the scaled loss; skipped if they overflow. Returns their
/// unscaled norm.
double TrainStep::update_float16(const StepPlace& place, double lr) {
  const double scale = loss_scale_.scale;
  double norm = std::numeric_limits<double>::quiet_NaN();
  try {
    norm = gradient_norm(optimizer_) / scale;
  } catch (const Error&) {  // they overflow
  }
  if (!loss_scale_.update(std::isfinite(norm))) {
    if (loss_scale_.scale < 1) finite_norm(place);  // the scale did not cause the overflow
    return norm;
  }
  optimizer_.step(lr, clipping_divisor(norm, config_.max_grad_norm) * scale);
  return norm;
}

}  // namespace gptkit
