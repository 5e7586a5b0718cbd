#pragma once
// The loss of a model on a batch, and the metrics of an evaluation. The trainer does the rest: data
// order, precision, activation checkpointing, updates, evaluation batches.

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/batch.h"

namespace gptkit {

/// The contribution of some rows to a mean: the sum of their terms and the number of terms.
struct MeanTerms {
  double sum = 0, count = 0;
};

/// The data that a batch comes from.
enum class DataPart { kTraining, kValidation };

/// A mean that is measured on both parts, for example an accuracy: train_NAME and val_NAME.
struct Measure {
  std::string name;
  std::function<MeanTerms(const Batch&, DataPart)> terms;
};

class Objective {
 public:
  virtual ~Objective() = default;

  virtual torch::nn::Module& model() = 0;
  /// The mean loss over the batch's loss terms, as a scalar with a gradient.
  virtual torch::Tensor loss(const Batch& batch) = 0;
  /// The number of targets (or examples) that the loss of the batch is the mean of.
  virtual int64_t loss_terms(const Batch& batch) const = 0;

  /// The contribution of the batch to train_loss or val_loss, in evaluation mode and without
  /// gradients.
  virtual MeanTerms evaluate(const Batch& batch, DataPart /*part*/) {
    const auto terms = static_cast<double>(loss_terms(batch));
    if (terms == 0) return {};  // a mean over nothing is NaN
    return {terms * loss(batch).item<double>(), terms};
  }
  /// Metrics after the last step of an epoch.
  virtual std::vector<Measure> epoch_measures() { return {}; }
};

}  // namespace gptkit
