#include "train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace gptkit {

int64_t decay_length(const TrainConfig& c, int64_t total_steps) {
  if (c.schedule != Schedule::kWsd) return 0;
  const int64_t wanted = c.decay_steps > 0 ? c.decay_steps : std::max<int64_t>(1, total_steps / 10);
  return std::clamp<int64_t>(total_steps - c.warmup_steps, 0, wanted);
}

double learning_rate(const TrainConfig& c, int64_t step, int64_t total_steps) {
  if (step < c.warmup_steps) {
    return c.lr * static_cast<double>(step + 1) / static_cast<double>(c.warmup_steps + 1);
  }
  const auto part = [](int64_t of, int64_t all) {
    return std::min(1.0, static_cast<double>(of) / static_cast<double>(std::max<int64_t>(1, all)));
  };
  const double done = part(step - c.warmup_steps, total_steps - 1 - c.warmup_steps);
  switch (c.schedule) {
    case Schedule::kConstant:
      return c.lr;
    case Schedule::kLinear:
      return c.lr + (c.min_lr - c.lr) * done;
    case Schedule::kCosine:
      return c.min_lr + (c.lr - c.min_lr) * 0.5 * (1 + std::cos(std::numbers::pi * done));
    case Schedule::kWsd: {
      const int64_t length = decay_length(c, total_steps);
      const int64_t into = step + 1 - (total_steps - length);
      return into <= 0 ? c.lr : c.lr + (c.min_lr - c.lr) * part(into, length);
    }
  }
  return c.lr;
}

std::vector<std::string> schedule_warnings(const TrainConfig& c, int64_t total_steps) {
  std::vector<std::string> warnings;
  if (c.schedule == Schedule::kConstant && c.min_lr > 0) {
    warnings.push_back(concat("train.min_lr ", c.min_lr,
                              " has no effect with schedule constant; choose another schedule"));
  }
  if (c.warmup_steps >= total_steps) {
    warnings.push_back(concat("train.warmup_steps ", c.warmup_steps, " is not less than the run's ",
                              total_steps, " steps: the learning rate never reaches train.lr"));
  } else if (decay_length(c, total_steps) < c.decay_steps) {
    warnings.push_back(concat("train.decay_steps ", c.decay_steps, " is more than the ",
                              total_steps - c.warmup_steps,
                              " steps after the warm-up: the decay takes all of them"));
  }
  return warnings;
}

void validate(const TrainConfig& c) {
  const auto at_least = [](const char* name, auto value, auto low) {
    require(value >= low, Key{concat("train.", name)}, ": ", value,
            " is out of range; expected at least ", low);
  };
  const auto within = [](const char* name, int64_t value, int64_t low, int64_t high) {
    require(value >= low && value <= high, Key{concat("train.", name)}, ": ", value,
            " is out of range; expected ", low, " to ", high);
  };
  within("epochs", c.epochs, 1, 1'000'000'000);
  at_least("max_steps", c.max_steps, int64_t{0});
  at_least("token_budget", c.token_budget, int64_t{0});
  within("micro_batch_size", c.micro_batch_size, 1, 1 << 20);
  at_least("global_batch_size", c.global_batch_size, int64_t{0});
  at_least("warmup_steps", c.warmup_steps, int64_t{0});
  at_least("decay_steps", c.decay_steps, int64_t{0});
  at_least("early_stopping", c.early_stopping, int64_t{0});
  at_least("weight_decay", c.weight_decay, 0.0);
  at_least("max_grad_norm", c.max_grad_norm, 0.0);
  at_least("eval_every", c.eval_every, int64_t{0});
  at_least("eval_batches", c.eval_batches, int64_t{0});
  at_least("checkpoint_every", c.checkpoint_every, int64_t{0});
  at_least("keep_checkpoints", c.keep_checkpoints, int64_t{1});
  within("timeout", c.timeout, 1, 1'000'000);  // seconds
  require(c.global_batch_size == 0 || c.global_batch_size % c.micro_batch_size == 0,
          Key{"train.global_batch_size"}, ": ", c.global_batch_size,
          " is not a multiple of micro_batch_size ", c.micro_batch_size);
  require(c.lr > 0 && c.lr <= 1e3, Key{"train.lr"}, ": ", c.lr,
          " is out of range; expected more than 0 and at most 1000 (typical: 1e-5 to 1e-2)");
  require(c.min_lr >= 0 && c.min_lr <= c.lr, Key{"train.min_lr"}, ": ", c.min_lr,
          " is out of range; expected 0 to lr ", c.lr);
  require(c.decay_steps == 0 || c.schedule == Schedule::kWsd, Key{"train.decay_steps"}, ": ",
          c.decay_steps,
          " applies only to schedule wsd; choose that schedule, or leave decay_steps out");
  require(c.spike_factor == 0 || c.spike_factor > 1, Key{"train.spike_factor"}, ": ",
          c.spike_factor, " is out of range; expected more than 1, or 0 for off");
  require(c.eval_every > 0 || (c.early_stopping == 0 && !c.keep_best), Key{"train.eval_every"},
          ": 0 evaluates only at the end; train.early_stopping and "
          "train.keep_best need evaluations during training");
  for (const auto& [name, share] : {std::pair{"beta1", c.beta1}, std::pair{"beta2", c.beta2},
                                    std::pair{"ema_decay", c.ema_decay}}) {
    require(share >= 0 && share < 1, Key{concat("train.", name)}, ": ", share,
            " is out of range; expected at least 0 and less than 1");
  }
}

}  // namespace gptkit
