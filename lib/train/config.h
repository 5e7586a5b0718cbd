#pragma once
// The `train:` section, shared by every training program.

#include <array>
#include <cstdint>
#include <utility>

#include "base/config/config.h"
#include "tensors/precision.h"

namespace gptkit {

/// The learning rate after warm-up, down to min_lr at the last step.
enum class Schedule {
  kConstant,
  kLinear,
  kCosine,  ///< arXiv:1608.03983
  kWsd,     ///< warm-up, stable, decay (arXiv:2404.06395): lr until the last decay_steps
};
constexpr auto enum_names(Schedule) {
  return std::array{std::pair{"constant", Schedule::kConstant},
                    std::pair{"linear", Schedule::kLinear}, std::pair{"cosine", Schedule::kCosine},
                    std::pair{"wsd", Schedule::kWsd}};
}

struct TrainConfig {
  static constexpr std::array kRenamedKeys = {RenamedKey{"clip", "max_grad_norm"},
                                              RenamedKey{"recompute", "activation_checkpointing"}};

  int64_t epochs = 1;
  int64_t max_steps = 0;
  int64_t token_budget = 0;
  int64_t micro_batch_size = 8;
  int64_t global_batch_size = 0;
  double lr = 3e-4;
  double min_lr = 0;
  Schedule schedule = Schedule::kCosine;
  int64_t warmup_steps = 0;
  int64_t decay_steps = 0;
  double weight_decay = 0.1;
  bool decay_all = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double max_grad_norm = 1.0;
  double ema_decay = 0;
  Precision precision = Precision::kFloat32;
  bool activation_checkpointing = false;
  bool group_by_length = false;
  int64_t eval_every = 100;
  int64_t eval_batches = 5;
  int64_t checkpoint_every = 500;
  int64_t keep_checkpoints = 2;
  bool keep_best = false;
  int64_t early_stopping = 0;
  // Ten times the usual loss is not a bad batch: in language modelling it is worse than guessing.
  double spike_factor = 10;
  bool tensorboard = false;
  bool shard_optimizer = false;
  int64_t timeout = 600;

  int64_t batch_size() const {
    return global_batch_size > 0 ? global_batch_size : micro_batch_size;
  }
  bool operator==(const TrainConfig&) const = default;
};

template <class Visitor>
void visit_fields(TrainConfig& c, Visitor&& visit) {
  visit("epochs", c.epochs, "passes over the training data");
  visit("max_steps", c.max_steps, "stop after this many steps; 0: the epochs decide");
  visit("token_budget", c.token_budget,
        "stop after this many input tokens, padding included; 0: no limit");
  visit("micro_batch_size", c.micro_batch_size, "sequences in one forward pass");
  visit("global_batch_size", c.global_batch_size,
        "sequences per optimizer step, accumulated from micro batches; 0: one micro batch");
  visit("lr", c.lr, "peak learning rate");
  visit("min_lr", c.min_lr, "learning rate of the last step (for linear, cosine and wsd)");
  visit("schedule", c.schedule, "constant, linear, cosine or wsd (constant, then a linear decay)");
  visit("warmup_steps", c.warmup_steps, "steps of linear learning rate warm-up");
  visit("decay_steps", c.decay_steps,
        "wsd: steps of the decay at the end; 0: a tenth of all steps");
  visit("weight_decay", c.weight_decay, "weight decay of AdamW");
  visit("decay_all", c.decay_all, "apply weight decay to biases and norms too, as the book does");
  visit("beta1", c.beta1, "AdamW: decay rate of the first moment");
  visit("beta2", c.beta2, "AdamW: decay rate of the second moment");
  visit("max_grad_norm", c.max_grad_norm,
        "largest norm of the gradient, which is scaled down to it; 0: off");
  visit("ema_decay", c.ema_decay,
        "decay of an exponential moving average of the weights, for example 0.99; evaluations and "
        "the "
        "final model use the average; 0: no average");
  visit("precision", c.precision,
        "float32, bfloat16 (about twice as fast if the processor supports it), float16 (CUDA) or "
        "auto");
  visit("activation_checkpointing", c.activation_checkpointing,
        "store only the input of each block and recompute the rest in the backward pass: less "
        "memory, "
        "slower steps");
  visit("group_by_length", c.group_by_length,
        "put examples of similar lengths into one batch, to reduce padding (finetuning)");
  visit("eval_every", c.eval_every, "steps between evaluations; 0: evaluate only at the end");
  visit("eval_batches", c.eval_batches,
        "batches per evaluation, each as large as a step; 0: all (a classifier: all validation "
        "batches, and as many training batches)");
  visit("checkpoint_every", c.checkpoint_every,
        "steps between checkpoints; 0: only at the end and on a signal");
  visit("keep_checkpoints", c.keep_checkpoints, "number of newest checkpoints to keep");
  visit("keep_best", c.keep_best,
        "also keep the checkpoint with the lowest val_loss; the final model has its weights");
  visit("early_stopping", c.early_stopping,
        "stop after this many consecutive evaluations without a lower val_loss; 0: off");
  visit("spike_factor", c.spike_factor,
        "stop when the loss of a step exceeds this many times the median of the last 64 losses (at "
        "least 1); active from step 16; 0: off");
  visit("tensorboard", c.tensorboard, "also write TensorBoard event files");
  visit(
      "shard_optimizer", c.shard_optimizer,
      "several processes: each stores and updates its part of the moments of AdamW (ZeRO stage 1)");
  visit("timeout", c.timeout,
        "several processes: seconds without an answer after which a process counts as lost");
}

/// Fails naming the key that is out of range.
void validate(const TrainConfig& config);

}  // namespace gptkit
