#pragma once
// What an evaluation measures: the mean over all loss terms (tokens, or rows), whatever the micro
// batches that they come in and the ranks that share them.

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
  int64_t batches = 0;           ///< how many of them are measured, from the first on; 0: all
  int64_t micro_batch_size = 0;  ///< rows measured at once; 0: a batch
  std::string name = {};         ///< of the mean, for messages
};

/// The book's calc_loss_loader and calc_accuracy_loader, except that every term counts alike: the
/// sum of what `measure` finds divided by its count. Draws from the default generator as iterating
/// a PyTorch DataLoader does: one int64, and a second one when shuffling. Several ranks share the
/// micro batches, all have to call it, and each gets the same result. Fails when
/// no row has a term.
double mean_over_batches(World& world, std::shared_ptr<const Dataset> data,
                         const EvaluationOptions& options,
                         const std::function<MeanTerms(const Batch&)>& measure);

/// The book's evaluate_model: train_NAME and, where there are validation data, val_NAME, over
/// train.eval_batches batches of a step's size each, in the precision of the training.
Metrics evaluate(const Training& training, World& world, const Measure& measure);
/// train_loss and val_loss.
Metrics evaluate_loss(const Training& training, World& world);

/// Begins an epoch with PyTorch's draws from the default generator.
void start_epoch_like_pytorch(Loader& loader, bool shuffle);

/// Rows [begin, end) of a batch as a batch of their own, padded to their longest where that is
/// allowed.
Batch rows_of(const Batch& batch, int64_t begin, int64_t end);

}  // namespace gptkit
