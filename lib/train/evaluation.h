#pragma once
// Evaluation: the mean over all loss terms (tokens, or rows). The result does not depend on micro
// batches or on the number of ranks.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "data/batch.h"
#include "data/loader.h"
#include "distributed/world.h"
#include "train/metrics.h"
#include "train/training.h"

namespace gptkit {

struct EvaluationOptions {
  LoaderOptions loader;          ///< its batches are those of a training step
  int64_t batches = 0;           ///< number of batches to measure, from the first; 0: all
  int64_t micro_batch_size = 0;  ///< rows in one forward pass; 0: a batch
  std::string name = {};         ///< of the mean, for messages
};

/// The book's calc_loss_loader and calc_accuracy_loader, except that every term has the same
/// weight: the sum of the results of `measure` divided by their count. Draws from the default
/// generator as a PyTorch DataLoader does: one int64, and a second one when shuffling. Several
/// ranks share the micro batches: all must call it, and each gets the same result. Fails if no row
/// has a term.
double mean_over_batches(World& world, std::shared_ptr<const Dataset> data,
                         const EvaluationOptions& options,
                         const std::function<MeanTerms(const Batch&)>& measure);

/// The book's evaluate_model: train_NAME and, with validation data, val_NAME. Each is measured on
/// train.eval_batches batches of the size of a step, in the precision of the training.
Metrics evaluate(const Training& training, World& world, const Measure& measure);
/// train_loss and val_loss.
Metrics evaluate_loss(const Training& training, World& world);

/// Starts an epoch with the same draws from the default generator as PyTorch.
void start_epoch_like_pytorch(Loader& loader, bool shuffle);

/// Rows [begin, end) of a batch as a batch of their own, padded to their longest where that is
/// allowed.
Batch rows_of(const Batch& batch, int64_t begin, int64_t end);

}  // namespace gptkit
