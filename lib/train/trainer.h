#pragma once
// The training loop that every task shares. It knows no task: a task hands it a model, a dataset, a
// loss and an evaluation. Steps count from 0; step k's evaluation comes after its update, when k is
// a multiple of eval_every, as in the book.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>

#include "data/batch.h"
#include "data/loader.h"
#include "train/config.h"
#include "train/metrics.h"
#include "train/plot.h"
#include "train/run_folder.h"

namespace gptkit {

/// What a task brings to the trainer.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  virtual torch::nn::Module& model() = 0;
  virtual std::shared_ptr<const Dataset> train_data() const = 0;
  /// Changes when the training data change: a resumed run compares it.
  virtual std::string data_fingerprint() const = 0;

  /// The mean loss over the batch's loss terms, as a scalar with a gradient.
  virtual torch::Tensor loss(const Batch& batch) = 0;
  /// How many targets (or examples) the batch's loss is the mean of.
  virtual int64_t loss_terms(const Batch& batch) const = 0;

  /// At an evaluation, in evaluation mode and without gradients: train_loss, val_loss ...
  virtual Metrics evaluate() = 0;
  /// After the last step of an epoch, in evaluation mode and without gradients.
  virtual Metrics end_epoch(int64_t /*epoch*/) { return {}; }

  virtual PlotOptions plot() const { return {}; }
};

struct TrainSummary {
  int64_t steps = 0, tokens = 0;
  double seconds = 0;
  Metrics last_evaluation;
};

/// Trains to the end, writing metrics.jsonl, loss.svg and checkpoints into the run folder, and goes
/// on from the newest checkpoint when the folder is being resumed. Random numbers come from the
/// default generator, which the caller has seeded. On SIGINT or SIGTERM finishes the step, saves
/// and throws Stopped. A loss that is not finite is an error naming the step.
TrainSummary train(TrainingTask& task, const TrainConfig& config, const RunFolder& run);

/// The book's calc_loss_loader and calc_accuracy_loader: the mean of per_batch over the first
/// `batches` batches of the loader (0: all). Draws from the default generator as iterating a
/// PyTorch DataLoader does: one int64, and a second one when shuffling.
double mean_over_batches(std::shared_ptr<const Dataset> data, const LoaderOptions& options,
                         int64_t batches, const std::function<double(const Batch&)>& per_batch);

/// Begins an epoch with PyTorch's draws from the default generator.
void start_epoch_like_pytorch(Loader& loader, bool shuffle);

/// A batch's integers as an int64 tensor (rows, columns) on the device.
torch::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        torch::Device device);

}  // namespace gptkit
