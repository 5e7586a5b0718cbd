#pragma once
// What a task brings to the trainer: a model, data, a loss and an evaluation.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "data/batch.h"
#include "data/loader.h"
#include "train/metrics.h"
#include "train/plot.h"

namespace gptkit {

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
  /// Whether evaluate() gives a val_loss.
  virtual bool has_validation() const { return true; }

  virtual PlotOptions plot() const { return {}; }
};

}  // namespace gptkit
